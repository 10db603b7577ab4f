//! Which types are no fields, known by their names, and what to write instead.
//!
//! Whether a type is a kind of field is for the trait `FieldType` to say; here are those that people
//! write first, so that the message can say what they want.

use syn::{GenericArgument, PathArguments, Type};

/// The last name of a type's path: `Vec` of `std::vec::Vec<T>`.
pub(crate) fn last_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        Type::Group(group) => last_name(&group.elem),
        Type::Paren(paren) => last_name(&paren.elem),
        _ => None,
    }
}

/// `T` of `Name<T>`.
pub(crate) fn argument(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(args) = &path.path.segments.last()?.arguments else {
        return None;
    };
    args.args.iter().find_map(|arg| match arg {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// Whether it is written as a `MutField`.
pub(crate) fn is_mut_field(ty: &Type) -> bool {
    last_name(ty).is_some_and(|name| name == "MutField")
}

/// What to write instead of a type that is no field.
pub(crate) fn instead(ty: &Type) -> Option<String> {
    let name = match ty {
        Type::Reference(_) => {
            return say(
                "a reference",
                "own the value: `Str`, `Bytes`, `ObjectArc<T>`",
            );
        }
        Type::Ptr(_) => return say("a raw pointer", "hold the object by `ObjectArc<T>`"),
        Type::Array(_) | Type::Slice(_) => {
            return say(
                "an array",
                "write `Array`, or put items behind the body with `items = T`",
            );
        }
        Type::Tuple(_) => {
            return say(
                "a tuple",
                "give each part a field of its own, or write `Array`",
            );
        }
        Type::FnPtr(_) => return say("a function pointer", "write `Function`"),
        Type::ImplTrait(_) | Type::TraitObject(_) => {
            return say(
                "a trait",
                "write `Function` for what is called, `ObjectRef` for any object",
            );
        }
        _ => last_name(ty)?,
    };
    let what = format!("`{name}`");
    let answer = match name.as_str() {
        "String" | "PathBuf" | "OsString" | "str" => "write `Str`",
        "char" => "write `Str`",
        "usize" => "write `u64`: a field has one size on every platform",
        "isize" => "write `i64`: a field has one size on every platform",
        "u128" | "i128" => {
            "integers have up to 64 bits: write `i64`, or keep the digits in a `Str`"
        }
        "Vec" | "VecDeque" | "LinkedList" => "write `List`, or `Array` if it stays as it is",
        "HashMap" | "BTreeMap" | "IndexMap" | "HashSet" | "BTreeSet" => {
            "write `Dict`, or `Map` if it stays as it is"
        }
        "Rc" | "Arc" => "write `ObjectArc<T>`: the count is in the object",
        "Box" => "write `ObjectArc<T>`",
        "Weak" => "write `WeakObjectArc<T>`",
        "Cell" | "RefCell" | "Mutex" | "RwLock" | "OnceLock" | "OnceCell" | "UnsafeCell" => {
            "write `MutField<T>`: its lock is the object's, which every language takes"
        }
        name if name.starts_with("Atomic") => {
            "write `MutField<T>` with the plain type: it is read and written as an atomic"
        }
        "MutField" => return instead_of_changing(argument(ty)?),
        "Option" => return instead_of_option(argument(ty)?),
        "Optional" => return instead_of_optional(argument(ty)?),
        _ => return None,
    };
    say(&what, answer)
}

fn instead_of_option(inner: &Type) -> Option<String> {
    if let Some(answer) = instead(inner) {
        return Some(answer);
    }
    let name = last_name(inner)?;
    let what = format!("`Option<{name}>`");
    match name.as_str() {
        "MutField" => say(
            &what,
            "write `MutField<Option<..>>`: the field changes, not whether it is one",
        ),
        "WeakObjectArc" => say(&what, "write `WeakObjectArc<T>`: it can be null"),
        "Any" => say(&what, "write `Any`: it can be None"),
        value if has_no_room(value) => {
            let answer = format!(
                "write `Optional<{value}>`, whose layout every language knows, or \
                 `MutField<Option<{value}>>` if it changes"
            );
            say(&what, &answer)
        }
        _ => None,
    }
}

/// Whether it is no handle, so that its `Option` is laid as Rust likes.
fn has_no_room(name: &str) -> bool {
    let numbers = [
        "bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64",
    ];
    name == "Str" || name == "Bytes" || numbers.contains(&name)
}

/// In a `MutField`: an `Option` of such a value is stored as an `Optional`.
fn instead_of_changing(inner: &Type) -> Option<String> {
    let of = last_name(inner).filter(|name| name == "Option");
    let value = of.and_then(|_| last_name(argument(inner)?));
    match value {
        Some(value) if has_no_room(&value) => None,
        _ => instead(inner),
    }
}

fn instead_of_optional(inner: &Type) -> Option<String> {
    if let Some(answer) = instead(inner) {
        return Some(answer);
    }
    let name = last_name(inner)?;
    let what = format!("`Optional<{name}>`");
    match name.as_str() {
        "ObjectArc" | "Array" | "List" | "Map" | "Dict" | "Function" | "Error" => {
            let answer = format!("write `Option<{name}>`: a handle has room for None");
            say(&what, &answer)
        }
        "Any" => say(&what, "write `Any`: it can be None"),
        "WeakObjectArc" => say(&what, "write `WeakObjectArc<T>`: it can be null"),
        _ => None,
    }
}

fn say(what: &str, answer: &str) -> Option<String> {
    Some(format!(
        "{what} is no kind of field: {answer}; or keep it for Rust alone with `#[object(skip)]`"
    ))
}
