//! The derive: constructors, parents, items, methods, free functions.

mod derived;

use std::sync::OnceLock;

use rust_binding::object_core::read_field;
use rust_binding::prelude::*;
use rust_binding::{FunctionObj, ItemsLen, register, type_info};

use derived::made;

/// Something with a price.
///
/// In any currency.
#[derive(Object, Debug)]
#[object(key = "derive.Item", constructor)]
#[repr(C)]
struct Item {
    header: ObjectHeader,
    /// What it is.
    name: Str,
    /// In cents.
    #[object(default = 100)]
    price: MutField<i64>,
    #[object(rename = "next", default)]
    after: MutField<Option<ObjectArc<Item>>>,
    #[object(skip, default)]
    cache: OnceLock<String>,
}

#[methods]
impl Item {
    /// Of so many.
    fn cost(&self, count: i64) -> i64 {
        self.cache.get_or_init(|| self.name.to_uppercase());
        i64::from(self.name.len() as u32) * count
    }

    /// Puts another one behind it.
    fn link(this: &ObjectArc<Self>, next: ObjectArc<Self>) -> ObjectArc<Self> {
        this.after.store(this, Some(next.clone()));
        next
    }

    fn me(this: ObjectArc<Self>) -> ObjectArc<Self> {
        this
    }

    fn label<'a>(&'a self, suffix: &'a str) -> String {
        format!("{}{suffix}", self.name)
    }

    fn borrowed(&self) -> &str {
        &self.name
    }

    fn currency() -> &'static str {
        "cents"
    }

    #[object(rename = "type")]
    fn kind(&self, of: &[u8], other: &ObjectArc<Item>) -> Result<u32, Error> {
        if of.is_empty() {
            return Err(Error::new("ValueError", "nothing"));
        }
        Ok(of.len() as u32 + other.name.len() as u32)
    }

    #[object(skip)]
    fn hidden(&self) -> bool {
        self.cache.get().is_some()
    }

    const LIMIT: i64 = 3;
}

/// An heir.
#[derive(Object, Debug)]
#[object(key = "derive.Book", parent = Item, constructor)]
#[repr(C)]
struct Book {
    item: Item,
    #[object(default = "nobody")]
    author: Str,
}

fn method(of: &ObjectRef, name: &str, args: &[Any]) -> Result<Any, Error> {
    let info = type_info(ObjectArc::header(of).type_index()).unwrap();
    let chain = info.ancestors().iter().copied().chain([info]);
    let method = chain
        .flat_map(|info| info.own_methods())
        .find(|method| method.name() == name)
        .unwrap();
    let function = std::ptr::NonNull::new(method.function).unwrap();
    // SAFETY: the table's own function, kept for ever.
    #[allow(unsafe_code)]
    let function = unsafe { ObjectArc::<FunctionObj>::from_borrowed(function.cast()) };
    let this = (!method.is_static()).then(|| Any::from(of.clone()));
    let views: Vec<AnyView<'_>> = this.iter().chain(args).map(Any::view).collect();
    Function::from_object(function).call_packed(&views)
}

#[test]
fn what_is_written_is_described() {
    let info = type_info(Item::type_index().unwrap()).unwrap();
    assert_eq!(info.key(), "derive.Item");
    assert_eq!(info.doc(), "Something with a price.\n\nIn any currency.");
    let fields: Vec<(&str, &str, bool)> = info
        .own_fields()
        .iter()
        .map(|field| (field.name(), field.doc(), field.is_frozen()))
        .collect();
    assert_eq!(
        fields,
        [
            ("name", "What it is.", true),
            ("price", "In cents.", false),
            ("next", "", false)
        ]
    );
    // A field of its own type names the type that was being made.
    assert_eq!(
        info.field("next").unwrap().type_index,
        Item::type_index().unwrap()
    );
    let methods: Vec<(&str, &str, bool)> = info
        .own_methods()
        .iter()
        .map(|method| (method.name(), method.doc(), method.is_static()))
        .collect();
    assert_eq!(
        methods,
        [
            ("__new__", "Takes the fields in their order.", true),
            ("cost", "Of so many.", false),
            ("link", "Puts another one behind it.", false),
            ("me", "", false),
            ("label", "", false),
            ("borrowed", "", false),
            ("currency", "", true),
            ("type", "", false),
        ]
    );
    assert_eq!(Item::LIMIT, 3);
    let heir = type_info(Book::type_index().unwrap()).unwrap();
    assert_eq!(heir.parent().unwrap().key(), "derive.Item");
    assert_eq!(heir.all_fields().count(), 4);
}

#[test]
fn constructors_take_fields_and_defaults() {
    let pen = made::<Item>("derive.Item", &["pen".into()]).unwrap();
    assert_eq!((pen.name.as_str(), pen.price.load(&pen)), ("pen", 100));
    assert!(pen.after.load(&pen).is_none() && !pen.hidden());
    let ink = made::<Item>(
        "derive.Item",
        &["ink".into(), 5i64.into(), pen.clone().into()],
    )
    .unwrap();
    assert_eq!(ink.price.load(&ink), 5);
    assert_eq!(ink.after.load(&ink).unwrap(), pen);

    let book = made::<Book>("derive.Book", &["b".into(), 1i64.into(), Any::NONE]).unwrap();
    assert_eq!(
        (book.item.price.load(&book), book.author.as_str()),
        (1, "nobody")
    );
    let all = ["b".into(), 1i64.into(), Any::NONE, "somebody".into()];
    assert_eq!(
        made::<Book>("derive.Book", &all).unwrap().author.as_str(),
        "somebody"
    );

    let says = |args: &[Any]| made::<Item>("derive.Item", args).unwrap_err().to_string();
    assert_eq!(
        says(&[]),
        "TypeError: derive.Item() takes 1 to 3 arguments, got 0"
    );
    assert_eq!(
        says(&[1i64.into()]),
        "TypeError: derive.Item() argument 1 ('name'): expected str, got int"
    );
    assert_eq!(
        says(&["a".into(), 1i64.into(), Any::NONE, Any::NONE]),
        "TypeError: derive.Item() takes 1 to 3 arguments, got 4"
    );
    assert_eq!(
        says(&["a".into(), 1i64.into(), 3i64.into()]),
        "TypeError: derive.Item() argument 3 ('next'): expected derive.Item or None, got int"
    );
}

#[test]
fn methods_are_called_on_the_object_and_its_heirs() {
    let pen = made::<Item>("derive.Item", &["pen".into()]).unwrap();
    let book = made::<Book>("derive.Book", &["book".into()]).unwrap();
    let pen_ref: ObjectRef = ObjectArc::upcast(pen.clone());
    let book_ref: ObjectRef = ObjectArc::upcast(book);
    assert_eq!(
        method(&pen_ref, "cost", &[3i64.into()])
            .unwrap()
            .get::<i64>()
            .unwrap(),
        9
    );
    assert!(pen.hidden());
    assert_eq!(
        method(&book_ref, "cost", &[2i64.into()])
            .unwrap()
            .get::<i64>()
            .unwrap(),
        8
    );
    let linked = method(&pen_ref, "link", &[book_ref.clone().into()]).unwrap();
    assert!(ObjectArc::ptr_eq(
        &linked.get::<ObjectRef>().unwrap(),
        &book_ref
    ));
    assert!(ObjectArc::ptr_eq(&pen.after.load(&pen).unwrap(), &book_ref));
    pen.after.store(&pen, None);
    assert_eq!(
        method(&pen_ref, "me", &[])
            .unwrap()
            .get::<ObjectRef>()
            .unwrap(),
        pen_ref
    );
    assert_eq!(
        &*method(&pen_ref, "label", &["!".into()])
            .unwrap()
            .get::<Str>()
            .unwrap(),
        "pen!"
    );
    assert_eq!(
        &*method(&pen_ref, "borrowed", &[])
            .unwrap()
            .get::<Str>()
            .unwrap(),
        "pen"
    );
    assert_eq!(
        &*method(&pen_ref, "currency", &[])
            .unwrap()
            .get::<Str>()
            .unwrap(),
        "cents"
    );
    let bytes = Any::from(Bytes::from(&b"abc"[..]));
    let sum = method(&pen_ref, "type", &[bytes, pen_ref.clone().into()]).unwrap();
    assert_eq!(sum.get::<i64>().unwrap(), 6);
    let error = method(
        &pen_ref,
        "type",
        &[Any::from(Bytes::EMPTY), pen_ref.clone().into()],
    );
    assert_eq!(error.unwrap_err().to_string(), "ValueError: nothing");
    let error = method(&pen_ref, "type", &["abc".into(), pen_ref.clone().into()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "TypeError: derive.Item.type() argument 1: expected bytes, got str"
    );
}

/// Numbers behind the body.
#[derive(Object, Debug)]
#[object(key = "derive.Numbers", items = i64)]
#[repr(C)]
struct Numbers {
    header: ObjectHeader,
    /// How many.
    length: ItemsLen,
}

#[methods]
impl Numbers {
    #[object(constructor)]
    fn new(length: u32) -> ObjectArc<Self> {
        let head = Self {
            header: ObjectHeader::new(),
            length: ItemsLen::new(),
        };
        ObjectArc::with_items(head, length as usize, |at| at as i64)
    }

    fn sum(this: &ObjectArc<Self>) -> i64 {
        ObjectArc::items(this).iter().sum()
    }
}

#[test]
fn items_lie_behind_the_body() {
    let numbers = made::<Numbers>("derive.Numbers", &[5i64.into()]).unwrap();
    assert_eq!(ObjectArc::items(&numbers), [0, 1, 2, 3, 4]);
    let any: ObjectRef = ObjectArc::upcast(numbers.clone());
    assert_eq!(method(&any, "sum", &[]).unwrap().get::<i64>().unwrap(), 10);
    let info = type_info(Numbers::type_index().unwrap()).unwrap();
    let field = info.field("length").unwrap();
    // SAFETY: the object is of that type.
    #[allow(unsafe_code)]
    let length = unsafe { read_field(ObjectArc::as_ptr(&any), field) };
    assert_eq!(length.get::<i64>().unwrap(), 5);
    // The length cannot be traded: there is no unique handle to a head.
    drop(any);
    assert!(ObjectArc::try_unique(numbers).is_err());
}

/// Its last field is of its own type, which the compiler asks for while it asks what that field is.
#[derive(Object, Debug)]
#[object(key = "derive.Chain", constructor)]
#[repr(C)]
struct Chain {
    header: ObjectHeader,
    #[object(default)]
    next: MutField<Option<ObjectArc<Chain>>>,
}

#[derive(Object, Debug)]
#[object(key = "derive.Leaf", constructor)]
#[repr(C)]
struct Leaf {
    header: ObjectHeader,
    name: Optional<Str>,
    #[object(default)]
    parent: MutField<WeakObjectArc<Leaf>>,
}

#[test]
fn constructors_take_optional_values() {
    let chain = made::<Chain>("derive.Chain", &[]).unwrap();
    let next = made::<Chain>("derive.Chain", &[chain.into()]).unwrap();
    assert!(next.next.load(&next).is_some());
    let make = |name: Any| made::<Leaf>("derive.Leaf", &[name]);
    assert_eq!(make(Any::NONE).unwrap().name, Optional::NONE);
    let leaf = make("a long name, in an object".into()).unwrap();
    assert_eq!(leaf.name.as_deref(), Some("a long name, in an object"));
    leaf.parent.store(&leaf, ObjectArc::downgrade(&leaf));
    let error = make(5.into()).unwrap_err();
    let text = "derive.Leaf() argument 1 ('name'): expected str or None, got int";
    assert_eq!(error.message(), text);
}

mod inner {
    use rust_binding::prelude::*;

    /// Free, in a module of its own.
    #[function]
    pub(crate) fn doubled(of: i64) -> i64 {
        of * 2
    }
}

/// Louder.
///
/// As loud as it can be.
///
/// # Panics
///
/// For Rust's readers.
#[function(name = "derive_functions.shout", releases_interpreter)]
fn shout(text: &str) -> String {
    text.to_uppercase()
}

/// What parameters may be called.
#[function(name = "derive_functions.odd")]
fn odd(r#type: i64, arg2: i64, _: i64, arg3: i64, _unused: i64) -> i64 {
    r#type + arg2 + arg3
}

#[function(name = "derive_functions.bare")]
fn bare() {}

#[test]
fn what_functions_say_of_themselves_goes_with_them() {
    register(|exports| {
        exports.free_function::<odd>().free_function::<bare>();
        exports.function("derive_functions.closure", |of: i64| of);
        exports.doc("By hand.").parameters(&["of"]);
        Ok(())
    })
    .unwrap();
    let about = |name: &str| {
        let about = Function::get_global(name).unwrap().about();
        about.unwrap().unwrap()
    };
    let said = about("derive_functions.odd");
    assert_eq!(said.doc, "What parameters may be called.");
    assert_eq!(said.signature, "(type, arg2, arg3, arg3_, _unused, /)");
    let said = about("derive_functions.bare");
    let said = (&*said.name, &*said.doc, &*said.signature);
    assert_eq!(said, ("derive_functions.bare", "", "()"));
    let said = about("derive_functions.closure");
    let said = (&*said.doc, &*said.signature);
    assert_eq!(said, ("By hand.", "(of, /)"));
}

#[test]
fn free_functions_are_exported_by_their_path() {
    use inner::doubled;

    register(|exports| {
        exports.free_function::<doubled>().free_function::<shout>();
        Ok(())
    })
    .unwrap();
    let double = Function::get_global("derive.doubled").unwrap();
    assert_eq!(double.call::<i64>((doubled(2),)).unwrap(), 8);
    let shout = Function::get_global("derive_functions.shout").unwrap();
    assert_eq!(&*shout.call::<Str>(("loud",)).unwrap(), "LOUD");
    let long = shout.call::<String>(("a long text",)).unwrap();
    assert_eq!(long, "A LONG TEXT");
    let about = shout.about().unwrap().unwrap();
    assert_eq!(about.doc, "Louder.\n\nAs loud as it can be.");
    assert_eq!(about.signature, "(text, /)");
    let error = shout.call::<Str>((1,)).unwrap_err();
    let text = "TypeError: derive_functions.shout() argument 1: expected str, got int";
    assert_eq!(error.to_string(), text);
}

#[test]
fn an_any_is_given_up_for_what_it_holds() {
    assert_eq!(i64::try_from(Any::from(5)), Ok(5));
    assert_eq!(Option::<Str>::try_from(Any::NONE), Ok(None));
    assert_eq!(String::try_from(Any::from("text")), Ok("text".to_owned()));
    assert_eq!(Option::<String>::try_from(Any::NONE), Ok(None));
    let error = String::try_from(Any::from(5)).unwrap_err();
    assert_eq!(error.to_string(), "expected str, got int");
    let error = Str::try_from(Any::from(5)).unwrap_err();
    assert_eq!(error.to_string(), "expected str, got int");
    let chain = made::<Chain>("derive.Chain", &[]).unwrap();
    let any = Any::from(chain.clone());
    assert_eq!(ObjectArc::<Chain>::try_from(any).unwrap(), chain);
    assert!(ObjectArc::<Leaf>::try_from(Any::from(chain)).is_err());
    assert_eq!(
        Array::try_from(Any::from(Array::from_iter([1i64])))
            .unwrap()
            .len(),
        1
    );
    let list = rust_binding::List::<i64>::from_iter([1]);
    assert!(rust_binding::List::<Str>::try_from(Any::from(list)).is_err());
}
