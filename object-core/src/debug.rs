//! How values look in messages. Containers show what is in them; one that contains itself shows an
//! ellipsis where it would begin again.

use alloc::vec::Vec;
use core::fmt;

use crate::any::{Any, AnyView};
use crate::array::{Array, ArrayObj};
use crate::arc::ObjectArc;
use crate::dict::Dict;
use crate::list::List;
use crate::map::Map;
use crate::object::Object;
use crate::type_index as index;

/// The containers that a value is inside of, innermost first.
#[derive(Clone, Copy)]
struct Within<'a> {
    container: usize,
    outer: Option<&'a Within<'a>>,
    depth: usize,
}

/// Deeper than this nobody reads, and the stack ends somewhere.
const DEEPEST: usize = 64;

struct Shown<'a>(&'a Any, Option<&'a Within<'a>>);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.0.view(), self.1, f)
    }
}

fn show(view: AnyView<'_>, outer: Option<&Within<'_>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let raw = view.raw();
    match view.type_index() {
        index::NONE => f.write_str("None"),
        // SAFETY: an int.
        index::INT => fmt::Debug::fmt(&unsafe { raw.value.int }, f),
        // SAFETY: a bool is stored as an int.
        index::BOOL => write!(f, "{}", unsafe { raw.value.int } != 0),
        // SAFETY: a float.
        index::FLOAT => fmt::Debug::fmt(&unsafe { raw.value.float }, f),
        index::ARRAY | index::LIST => show_container(view, outer, f, "[...]"),
        index::MAP | index::DICT => show_container(view, outer, f, "{...}"),
        number => match (view.as_str(), view.as_bytes()) {
            (Some(text), _) => write!(f, "{text:?}"),
            (None, Some(bytes)) => write!(f, "b\"{}\"", bytes.escape_ascii()),
            (None, None) => write!(f, "<{}>", crate::types::TypeName(number)),
        },
    }
}

#[inline(never)]
fn show_container(
    view: AnyView<'_>,
    outer: Option<&Within<'_>>,
    f: &mut fmt::Formatter<'_>,
    again: &str,
) -> fmt::Result {
    let Some(object) = view.raw().as_object() else { return f.write_str("None") };
    let container = object.addr().get();
    let depth = outer.map_or(0, |outer| outer.depth + 1);
    let mut around = outer;
    while let Some(one) = around {
        if one.container == container {
            return f.write_str(again);
        }
        around = one.outer;
    }
    if depth > DEEPEST {
        return f.write_str(again);
    }
    let here = Within { container, outer, depth };
    let within = Some(&here);
    // Without memory for a copy a mutable one looks empty.
    let copy = |values: Result<Vec<Any>, _>| values.unwrap_or_default();
    match view.type_index() {
        index::ARRAY => match ObjectArc::<ArrayObj>::try_from(view) {
            Ok(array) => f.debug_list().entries(array.values().iter().map(|v| Shown(v, within))).finish(),
            Err(_) => Err(fmt::Error),
        },
        index::LIST => {
            let values = List::try_from(view).map(|list| copy(list.try_to_vec()));
            let values = values.unwrap_or_default();
            f.debug_list().entries(values.iter().map(|v| Shown(v, within))).finish()
        }
        index::MAP => {
            let Ok(map) = Map::try_from(view) else { return Err(fmt::Error) };
            let pairs = map.iter().map(|(k, v)| (Shown(k, within), Shown(v, within)));
            f.debug_map().entries(pairs).finish()
        }
        _ => {
            let flat = Dict::try_from(view).map(|dict| copy(dict.try_to_flat()));
            let flat = flat.unwrap_or_default();
            let pairs = flat.chunks_exact(2);
            let pairs = pairs.map(|pair| (Shown(&pair[0], within), Shown(&pair[1], within)));
            f.debug_map().entries(pairs).finish()
        }
    }
}

fn show_object<T: Object>(object: &ObjectArc<T>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    show(AnyView::object(object), None, f)
}

impl fmt::Debug for AnyView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(*self, None, f)
    }
}

impl fmt::Debug for Any {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.view(), None, f)
    }
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_object(self.as_object(), f)
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_object(self.as_object(), f)
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_object(self.as_object(), f)
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show_object(self.as_object(), f)
    }
}
