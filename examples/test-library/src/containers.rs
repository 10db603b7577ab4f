//! Lists and dicts that threads which never attach change and read, while Python does.

use rust_binding::object_core::{Dict, List};
use rust_binding::prelude::*;

use crate::points::Point;
use crate::threads::start;

/// How many items a list has at most for long.
const MANY: usize = 12;

fn point(round: i64) -> Any {
    Any::from(Point::make(round, -round))
}

/// What was in a container is alive and whole.
fn check(value: &Any) {
    let point = value.get::<ObjectArc<Point>>();
    assert!(
        point.is_ok_and(|point| point.x == -point.y),
        "not a value that was put there"
    );
}

/// On a thread: sets, adds, takes and reads items of a list of points, again and again.
fn race_list(list: List, rounds: u32) {
    start(move || {
        for round in 0..i64::from(rounds) {
            // Whether there is such an item is the others' doing, too.
            match round % 6 {
                0 | 1 => drop(list.set(round as usize % 4, point(round))),
                2 => assert!(list.try_push(point(round)).is_ok(), "no memory"),
                3 => assert!(list.try_insert(0, point(round)).is_ok(), "no memory"),
                4 => drop(list.try_splice(1, 3, vec![point(round), point(round)], None)),
                _ => drop(list.remove(0)),
            }
            while list.len() > MANY {
                drop(list.pop());
            }
            list.get(round as usize % 5).iter().for_each(check);
        }
    });
}

/// On a thread: sets, takes and reads items of a dict of points, again and again.
fn race_dict(dict: Dict, rounds: u32) {
    start(move || {
        for round in 0..i64::from(rounds) {
            let key = round * 7 % 30;
            match round % 4 {
                0 | 1 => assert!(dict.try_insert(key, point(round)).is_ok(), "no memory"),
                2 => drop(dict.remove(AnyView::int(key))),
                _ if round % 400 == 3 => dict.clear(),
                _ => drop(dict.pop()),
            }
            dict.get(AnyView::int(round % 5)).iter().for_each(check);
        }
    });
}

pub(crate) fn export(exports: &mut Exports) {
    exports
        .function("test_library.race_list", race_list)
        .function("test_library.race_dict", race_dict);
}
