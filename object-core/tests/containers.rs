//! List, Map and Dict: what each operation does next to a model, who drops what.

#![cfg(all(not(loom), feature = "infallible", feature = "std"))]
#![allow(unsafe_code)]

mod common;

use std::cell::RefCell;

use common::heap::{Heap, live};
use common::{Drops, Noisy, Point, baseline, object};
use object_core::{
    Any, AnyView, Array, Changed, Dict, List, Map, Object, ObjectArc, ObjectHeader, ObjectRef,
    SpliceError, Str,
};

#[global_allocator]
static HEAP: Heap = Heap;

fn point(x: i64) -> ObjectRef {
    ObjectArc::upcast(ObjectArc::new(Point::at(x, 0)))
}

/// A generator of numbers, the same ones each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

fn ints(values: &[Any]) -> Vec<i64> {
    values.iter().map(|value| value.get().unwrap()).collect()
}

#[test]
fn a_list_does_what_a_vec_does() {
    let before = baseline();
    for seed in 1..200 {
        let mut dice = Dice(seed * 0x9E37_79B9);
        let (list, mut model) = (List::try_new().unwrap(), Vec::<i64>::new());
        for step in 0..200i64 {
            let at = dice.below(model.len() + 2);
            let (len, version) = list.len_and_version();
            let mut moved = true;
            match dice.below(8) {
                0 | 1 => {
                    list.try_push(step).unwrap();
                    model.push(step);
                }
                2 => {
                    list.try_insert(at, step).unwrap();
                    model.insert(at.min(model.len()), step);
                }
                3 => {
                    let gone = list.remove(at).map(|value| value.get::<i64>().unwrap());
                    moved = gone.is_some();
                    assert_eq!(gone, (at < len).then(|| model.remove(at)));
                }
                4 => {
                    let old = list.set(at, step);
                    moved = false;
                    match model.get_mut(at) {
                        Some(there) => {
                            let old = old.unwrap().get::<i64>().unwrap();
                            assert_eq!(old, core::mem::replace(there, step));
                        }
                        None => assert_eq!(old.unwrap_err().get::<i64>(), Ok(step)),
                    }
                }
                5 => {
                    let gone = list.pop().map(|value| value.get::<i64>().unwrap());
                    moved = gone.is_some();
                    assert_eq!(gone, model.pop());
                }
                6 => {
                    let stop = at + dice.below(5);
                    let new: Vec<i64> = (0..dice.below(5) as i64).map(|i| step * 10 + i).collect();
                    let values = new.iter().copied().map(Any::from).collect();
                    let (from, to) = (at.min(len), stop.clamp(at.min(len), len));
                    moved = from < to || !new.is_empty();
                    list.try_splice(at, stop, values, Some(version)).unwrap();
                    model.splice(from..to, new);
                }
                _ => {
                    let count = dice.below(6);
                    let (read, of) = list.try_read(at, count).unwrap();
                    let from = at.min(len);
                    assert_eq!(ints(&read), model[from..(from + count).min(len)]);
                    assert_eq!(of, version);
                    moved = false;
                }
            }
            assert_eq!(list.len_and_version().1 != version, moved);
            assert_eq!(ints(&list.try_to_vec().unwrap()), model);
            assert_eq!(list.get_in(0, version).is_err(), moved);
        }
        if seed % 2 == 0 {
            list.clear();
            assert!(list.is_empty());
        }
    }
    assert_eq!(live(), before);
}

#[test]
fn a_splice_of_an_older_version_is_refused_and_gives_back() {
    let list = List::from_iter([1i64, 2, 3]);
    let (_, version) = list.len_and_version();
    list.try_push(4).unwrap();
    let values = vec![Any::from(9)];
    let Err(SpliceError::Changed(values)) = list.try_splice(0, 3, values, Some(version)) else {
        panic!("it was taken");
    };
    assert_eq!(ints(&values), [9]);
    assert_eq!(list.remove_in(0, version).unwrap_err(), Changed);
    assert_eq!(ints(&list.try_to_vec().unwrap()), [1, 2, 3, 4]);
}

#[test]
fn a_dict_does_what_an_ordered_map_does() {
    let before = baseline();
    for seed in 1..100 {
        let mut dice = Dice(seed * 0x51_7CC1);
        let (dict, mut model) = (Dict::try_new().unwrap(), Vec::<(i64, i64)>::new());
        // Few keys, so that they are met again; some of them strings inside.
        let wide = 2 + dice.below(40);
        let as_key = |key: i64| -> Any {
            if key % 3 == 0 {
                Str::from(&*format!("a long key, number {key}")).into()
            } else {
                key.into()
            }
        };
        for step in 0..300i64 {
            let key = dice.below(wide) as i64;
            let named = as_key(key);
            let there = model.iter().position(|pair| pair.0 == key);
            match dice.below(if seed % 3 == 0 { 5 } else { 8 }) {
                0 | 1 => {
                    let old = dict.try_insert(named, step).unwrap();
                    let old = old.map(|value| value.get::<i64>().unwrap());
                    assert_eq!(old, there.map(|at| model[at].1));
                    match there {
                        Some(at) => model[at].1 = step,
                        None => model.push((key, step)),
                    }
                }
                2 | 3 => {
                    let gone = dict
                        .remove(named.view())
                        .map(|value| value.get::<i64>().unwrap());
                    assert_eq!(gone, there.map(|at| model.remove(at).1));
                }
                4 => {
                    let gone = dict.pop().map(|(_, value)| value.get::<i64>().unwrap());
                    assert_eq!(gone, model.pop().map(|pair| pair.1));
                }
                5 => {
                    let now = dict
                        .try_get_or_insert(named, step)
                        .unwrap()
                        .get::<i64>()
                        .unwrap();
                    match there {
                        Some(at) => assert_eq!(now, model[at].1),
                        None => {
                            assert_eq!(now, step);
                            model.push((key, step));
                        }
                    }
                }
                6 => {
                    let found = dict
                        .get(named.view())
                        .map(|value| value.get::<i64>().unwrap());
                    assert_eq!(found, there.map(|at| model[at].1));
                }
                _ if dice.below(20) == 0 => {
                    dict.clear();
                    model.clear();
                }
                _ => {}
            }
            assert_eq!(dict.len(), model.len());
            for backwards in [false, true] {
                let (mut cursor, count) = dict.cursor(backwards);
                let mut seen = Vec::new();
                while let Some((_, value)) = dict.step(&mut cursor).unwrap() {
                    seen.push(value.get::<i64>().unwrap());
                }
                assert_eq!(seen.len(), count);
                let mut expected: Vec<i64> = model.iter().map(|pair| pair.1).collect();
                if backwards {
                    expected.reverse();
                }
                assert_eq!(seen, expected);
            }
            let pairs: Vec<i64> = dict.iter().map(|(_, value)| value.get().unwrap()).collect();
            assert!(pairs.iter().eq(model.iter().map(|pair| &pair.1)));
        }
    }
    assert_eq!(live(), before);
}

/// From either end, from the middle, and as a queue: removal does not get slower with the size.
#[test]
fn a_large_dict_is_emptied_from_either_end() {
    let before = baseline();
    const MANY: i64 = 50_000;
    let dict = Dict::from_iter((0..MANY).map(|i| (i, i)));
    for i in 0..MANY / 2 {
        let (mut cursor, _) = dict.cursor(false);
        let (key, _) = dict.step(&mut cursor).unwrap().unwrap();
        assert_eq!(key.get::<i64>(), Ok(i));
        assert!(dict.remove(key.view()).is_some());
    }
    for i in (MANY / 2..MANY).rev() {
        assert_eq!(dict.pop().unwrap().0.get::<i64>(), Ok(i));
    }
    assert!(dict.is_empty() && dict.pop().is_none());
    drop(dict);
    assert_eq!(live(), before);
}

#[test]
fn replacing_a_value_does_not_disturb_an_iteration_and_a_new_key_does() {
    let dict = Dict::from_iter([(1i64, 1i64), (2, 2), (3, 3)]);
    let (mut cursor, len) = dict.cursor(false);
    assert_eq!(len, 3);
    while let Some((key, value)) = dict.step(&mut cursor).unwrap() {
        dict.try_insert(key, value.get::<i64>().unwrap() * 10)
            .unwrap();
    }
    for change in [0, 1, 2, 3] {
        let (mut cursor, _) = dict.cursor(false);
        dict.step(&mut cursor).unwrap();
        match change {
            0 => drop(dict.try_insert(4, 4).unwrap()),
            1 => drop(dict.remove(AnyView::int(4))),
            2 => drop(dict.pop()),
            _ => dict.clear(),
        }
        assert_eq!(dict.step(&mut cursor).unwrap_err(), Changed, "{change}");
    }
    let list = List::from_iter([1i64, 2]);
    let (_, version) = list.len_and_version();
    list.set(0, 9).unwrap();
    assert!(list.get_in(1, version).is_ok());
    list.clear();
    assert_eq!(list.get_in(0, version).unwrap_err(), Changed);
}

#[test]
fn every_value_is_dropped_once_and_when_it_goes() {
    let before = baseline();
    let drops = Drops::new();
    let noisy = || Any::from(Noisy::place(&drops));
    {
        let list = List::from_iter([noisy(), noisy(), noisy()]);
        drop(list.set(0, noisy()).unwrap());
        assert_eq!(drops.count(), 1);
        drop(list.set(9, noisy()).unwrap_err());
        assert_eq!(drops.count(), 2);
        list.try_splice(1, 2, vec![noisy(), noisy()], None).unwrap();
        assert_eq!((drops.count(), list.len()), (3, 4));
        list.clear();
        assert_eq!(drops.count(), 7);
        let dict = Dict::from_iter([(noisy(), noisy())]);
        dict.try_insert(1, noisy()).unwrap();
        drop(dict.try_insert(1, noisy()).unwrap());
        assert_eq!(drops.count(), 8);
        drop(dict.remove(AnyView::int(1)));
        assert_eq!(drops.count(), 9);
        drop((list, dict));
        assert_eq!(drops.count(), 11);
        let map = Map::from_iter([(1i64, noisy()), (1, noisy()), (2, noisy())]);
        assert_eq!(drops.count(), 12, "of equal keys the last value stays");
        let held = map.get(AnyView::int(2)).unwrap().clone();
        drop(map);
        assert_eq!(drops.count(), 13);
        drop(held);
        assert_eq!(drops.count(), 14);
    }
    drop(drops);
    assert_eq!(live(), before);
}

thread_local! {
    static TOUCHED: RefCell<Option<(List, Dict)>> = const { RefCell::new(None) };
}

/// Reads and changes the containers it is dropped from.
#[repr(C)]
struct Meddler(ObjectHeader);

object!(Meddler, "containers.Meddler");

impl Drop for Meddler {
    fn drop(&mut self) {
        let touched = TOUCHED.with_borrow(Clone::clone);
        if let Some((list, dict)) = touched {
            list.try_push(list.len() as i64).unwrap();
            drop(list.try_to_vec());
            dict.try_insert(dict.len() as i64 + 100, 1).unwrap();
            drop(dict.remove(AnyView::int(100)));
        }
    }
}

/// Were a value dropped under the lock, this would wait for ever.
#[test]
fn a_destructor_may_use_the_container_it_falls_out_of() {
    baseline();
    Meddler::type_index().unwrap();
    let before = live();
    let meddler = || Any::from(ObjectArc::new(Meddler(ObjectHeader::new())));
    let (list, dict) = (List::try_new().unwrap(), Dict::try_new().unwrap());
    TOUCHED.set(Some((list.clone(), dict.clone())));
    for _ in 0..3 {
        list.try_push(meddler()).unwrap();
        drop(list.set(0, meddler()).unwrap());
        list.try_splice(0, 1, vec![meddler()], None).unwrap();
        list.try_splice(0, usize::MAX, vec![meddler(), meddler()], None)
            .unwrap();
        drop(list.remove(0));
        list.clear();
        dict.try_insert(1, meddler()).unwrap();
        drop(dict.try_insert(1, meddler()).unwrap());
        drop(dict.remove(AnyView::int(1)));
        dict.try_insert(2, meddler()).unwrap();
        drop(dict.pop());
        dict.try_insert(meddler(), meddler()).unwrap();
        dict.clear();
    }
    TOUCHED.take();
    drop((list, dict));
    assert_eq!(live(), before);
}

/// The runtime counts an object whose bit 63 is set; copies are exact all the same.
#[test]
fn flagged_objects_are_copied_out() {
    let before = baseline();
    let object = point(5);
    // SAFETY: this runtime's slow functions count it.
    unsafe { ObjectArc::header(&object).counts().set_shared() };
    let list = List::from_iter([Any::from(object.clone()), 1.into(), object.clone().into()]);
    let dict = Dict::from_iter([(object.clone(), object.clone())]);
    assert_eq!(ObjectArc::strong_count(&object), 5);
    let all = (
        list.get(0),
        list.try_to_vec().unwrap(),
        dict.get(AnyView::object(&object)),
    );
    assert_eq!(ObjectArc::strong_count(&object), 9);
    let flat = dict.try_to_flat().unwrap();
    let (mut cursor, _) = dict.cursor(false);
    let pair = dict.step(&mut cursor).unwrap();
    assert_eq!(ObjectArc::strong_count(&object), 13);
    assert_eq!(ObjectArc::weak_count(&object), 0);
    drop((all, flat, pair, list, dict));
    assert_eq!(ObjectArc::strong_count(&object), 1);
    drop(object);
    assert_eq!(live(), before);
}

#[test]
fn containers_show_what_is_in_them() {
    let inner = List::from_iter([Any::from(1), Str::from("two").into()]);
    let map = Map::from_iter([
        (Any::from(Str::from("a")), Any::from(inner.clone())),
        (2.into(), Any::NONE),
    ]);
    let outer = Array::from_iter([Any::from(map.clone()), inner.clone().into()]);
    assert_eq!(
        format!("{outer:?}"),
        r#"[{"a": [1, "two"], 2: None}, [1, "two"]]"#
    );
    assert_eq!(format!("{inner:#?}"), "[\n    1,\n    \"two\",\n]");
    // Cycles show where they close; what stands there twice shows twice.
    inner.try_push(inner.clone()).unwrap();
    assert_eq!(format!("{inner:?}"), r#"[1, "two", [...]]"#);
    let dict = Dict::from_iter([(1i64, Any::from(inner.clone()))]);
    dict.try_insert(2, dict.clone()).unwrap();
    assert_eq!(
        format!("{:?}", Any::from(dict.clone())),
        r#"{1: [1, "two", [...]], 2: {...}}"#
    );
    inner.clear();
    dict.clear();
    // A tower that nobody could print in full.
    let mut tower = List::try_new().unwrap();
    for _ in 0..10_000 {
        tower = List::from_iter([tower]);
    }
    assert!(format!("{tower:?}").contains("[[[...]]"));
}

#[test]
fn casts_name_both_types() {
    let list = Any::from(List::try_new().unwrap());
    let dict = Any::from(Dict::try_new().unwrap());
    let map = Any::from(Map::from_iter([(1i64, 2i64)]));
    assert!(list.get::<List>().is_ok() && dict.get::<Dict>().is_ok() && map.get::<Map>().is_ok());
    let text = |error: object_core::CastError| error.to_string();
    assert_eq!(
        text(list.get::<Dict>().unwrap_err()),
        "expected tieback.Dict, got tieback.List"
    );
    assert_eq!(
        text(map.get::<Array>().unwrap_err()),
        "expected tieback.Array, got tieback.Map"
    );
    assert_eq!(
        text(dict.get::<Map>().unwrap_err()),
        "expected tieback.Map, got tieback.Dict"
    );
}

#[test]
fn nested_containers_of_any_depth_are_dropped() {
    baseline();
    // The thread's own list of what is to be deleted stays.
    let mut list = List::try_new().unwrap();
    for _ in 0..1000 {
        list = List::from_iter([list]);
    }
    drop(list);
    let before = live();
    let mut list = List::try_new().unwrap();
    for _ in 0..100_000 {
        list = List::from_iter([list]);
    }
    drop(list);
    let mut dict = Dict::try_new().unwrap();
    for _ in 0..100_000 {
        dict = Dict::from_iter([(1i64, dict)]);
    }
    drop(dict);
    let _ = point(0);
    assert_eq!(live(), before);
}
