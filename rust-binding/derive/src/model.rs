//! A struct that was understood: what its attributes say, checked.

use proc_macro2::Span;
use syn::{Data, DeriveInput, Error, Expr, Field, Fields, Ident, LitStr, Result, Token, Type};

use crate::attrs::{check_dotted, check_name, docs, flag, once, options, repr};
use crate::kinds::{instead, is_mut_field, last_name};

/// A struct that becomes an object type.
pub(crate) struct Model {
    pub(crate) ident: Ident,
    pub(crate) doc: String,
    pub(crate) key: LitStr,
    pub(crate) parent: Option<Type>,
    pub(crate) items: Option<Type>,
    pub(crate) constructor: bool,
    /// The header, or the parent.
    pub(crate) first: (Ident, Type),
    pub(crate) fields: Vec<Member>,
}

/// A field behind the first one.
pub(crate) struct Member {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) doc: String,
    /// What frontends call it; `None` if they do not see it.
    pub(crate) name: Option<LitStr>,
    pub(crate) default: Option<FieldDefault>,
    /// Where `mut` stands.
    pub(crate) must_change: Option<Span>,
}

/// What the constructor puts into a field.
pub(crate) enum FieldDefault {
    /// `Default::default()`.
    OfType,
    Value(Expr),
}

/// What a struct's `#[object(..)]` says.
#[derive(Default)]
struct StructOptions {
    key: Option<LitStr>,
    parent: Option<Type>,
    items: Option<Type>,
    constructor: bool,
}

/// What a field's `#[object(..)]` says.
#[derive(Default)]
struct FieldOptions {
    rename: Option<LitStr>,
    default: Option<FieldDefault>,
    skip: bool,
    frozen: bool,
    change: Option<Span>,
}

/// Understands a struct, or says everything that is wrong with it.
pub(crate) fn read(input: DeriveInput) -> Result<Model> {
    let doc = docs(&input.attrs);
    let fields = named_fields(&input)?;
    let mut problems = Problems(None);
    if let Some(first) = input.generics.params.first() {
        let text = "an object type is one type with one key, so it has no parameters: \
                    write the types out, or keep what differs in an `Any` or an `ObjectRef`";
        problems.add(Error::new_spanned(first, text));
    }
    let said = problems.check(struct_options(&input)).unwrap_or_default();
    problems.check(check_repr(&input));
    if said.key.is_none() && problems.0.is_none() {
        let name = &input.ident;
        let text = format!("say what the type is called: `#[object(key = \"library.{name}\")]`");
        problems.add(Error::new_spanned(name, text));
    }
    let mut fields = fields.into_iter();
    let first = fields.next();
    let first = match first.map(|field| (first_field(&field), field)) {
        Some((problem, field)) => {
            problems.check(problem);
            field.ident.clone().map(|ident| (ident, field.ty))
        }
        None => {
            let text = "an object begins with `header: ObjectHeader`: add that field";
            problems.add(Error::new_spanned(&input.ident, text));
            None
        }
    };
    let members = fields
        .filter_map(|field| problems.check(member(field)))
        .collect::<Vec<_>>();
    problems.check(check_names(&members));
    problems.check(check_defaults(&members, said.constructor));
    problems.check(check_items(&input.ident, &members, said.items.as_ref()));
    match (problems.0, said.key, first) {
        (None, Some(key), Some(first)) => Ok(Model {
            ident: input.ident,
            doc,
            key,
            parent: said.parent,
            items: said.items,
            constructor: said.constructor,
            first,
            fields: members,
        }),
        (problem, ..) => {
            Err(problem.unwrap_or_else(|| Error::new_spanned(&input.ident, "not understood")))
        }
    }
}

/// All that is wrong, to be said at once.
pub(crate) struct Problems(pub(crate) Option<Error>);

impl Problems {
    pub(crate) fn add(&mut self, problem: Error) {
        match &mut self.0 {
            Some(problems) => problems.combine(problem),
            none => *none = Some(problem),
        }
    }

    pub(crate) fn check<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|problem| self.add(problem)).ok()
    }
}

fn named_fields(input: &DeriveInput) -> Result<Vec<Field>> {
    let (at, what) = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => return Ok(fields.named.iter().cloned().collect()),
            Fields::Unnamed(_) => (&input.ident, "a tuple struct: name its fields"),
            Fields::Unit => (
                &input.ident,
                "a struct without fields: add `header: ObjectHeader`",
            ),
        },
        Data::Enum(_) => (
            &input.ident,
            "an enum: write a struct for what all variants share, and one with it as `parent` for each",
        ),
        Data::Union(_) => (&input.ident, "a union: write a struct"),
    };
    Err(Error::new_spanned(
        at,
        format!("an object type is a struct with named fields, not {what}"),
    ))
}

fn struct_options(input: &DeriveInput) -> Result<StructOptions> {
    let mut said = StructOptions::default();
    let known = "`key = \"library.Name\"`, `parent = P`, `items = T` and `constructor`";
    options(&input.attrs, known, |meta| {
        let path = &meta.path;
        if path.is_ident("key") {
            let key: LitStr = meta.value()?.parse()?;
            check_dotted(&key, "key", &format!("shop.{}", input.ident))?;
            once(&mut said.key, path, key)
        } else if path.is_ident("parent") {
            once(&mut said.parent, path, meta.value()?.parse()?)
        } else if path.is_ident("items") {
            once(&mut said.items, path, meta.value()?.parse()?)
        } else if path.is_ident("constructor") {
            flag(&mut said.constructor, path)
        } else {
            Ok(false)
        }
    })?;
    Ok(said)
}

fn check_repr(input: &DeriveInput) -> Result<()> {
    let repr = repr(&input.attrs)?;
    if let Some(packed) = repr.packed {
        let text = "an object's fields are aligned, so that they can be atomic: take `packed` off";
        return Err(Error::new_spanned(packed, text));
    }
    if !repr.is_c {
        let text =
            "other languages read the fields by their places: add `#[repr(C)]` to the struct";
        return Err(Error::new_spanned(&input.ident, text));
    }
    Ok(())
}

/// The first field takes no options: it is the header or the parent.
fn first_field(field: &Field) -> Result<()> {
    options(&field.attrs, "none for the first field", |meta| {
        let text = "the first field is the header or the parent, which frontends do not see: \
                    take the option off";
        Err(Error::new_spanned(&meta.path, text))
    })
}

fn member(field: Field) -> Result<Member> {
    let said = field_options(&field)?;
    let Some(ident) = field.ident else {
        return Err(Error::new_spanned(&field.ty, "a field has a name"));
    };
    let name = if said.skip {
        if let Some(rename) = said.rename {
            let text = "frontends do not see a skipped field: take `rename` or `skip` off";
            return Err(Error::new_spanned(rename, text));
        }
        if said.frozen || said.change.is_some() {
            let text = "frontends do not see a skipped field: take `frozen` or `mut` off";
            return Err(Error::new_spanned(ident, text));
        }
        None
    } else {
        check_type(&field.ty, said.frozen, said.change)?;
        let own = || LitStr::new(ident.to_string().trim_start_matches("r#"), ident.span());
        Some(said.rename.unwrap_or_else(own))
    };
    Ok(Member {
        doc: docs(&field.attrs),
        ident,
        ty: field.ty,
        name,
        default: said.default,
        must_change: said.change,
    })
}

fn field_options(field: &Field) -> Result<FieldOptions> {
    let mut said = FieldOptions::default();
    let known = "`rename = \"name\"`, `skip`, `default`, `default = value`, `frozen` and `mut`";
    options(&field.attrs, known, |meta| {
        let path = &meta.path;
        if path.is_ident("rename") {
            let name: LitStr = meta.value()?.parse()?;
            check_name(&name)?;
            once(&mut said.rename, path, name)
        } else if path.is_ident("skip") {
            flag(&mut said.skip, path)
        } else if path.is_ident("frozen") {
            flag(&mut said.frozen, path)
        } else if path.is_ident("mut") {
            let span = path.segments[0].ident.span();
            once(&mut said.change, path, span)
        } else if path.is_ident("default") {
            let default = if meta.input.peek(Token![=]) {
                FieldDefault::Value(meta.value()?.parse()?)
            } else {
                FieldDefault::OfType
            };
            once(&mut said.default, path, default)
        } else {
            Ok(false)
        }
    })?;
    Ok(said)
}

fn check_type(ty: &Type, frozen: bool, change: Option<Span>) -> Result<()> {
    if let Some(instead) = instead(ty) {
        return Err(Error::new_spanned(ty, instead));
    }
    if frozen && change.is_some() {
        return Err(Error::new_spanned(
            ty,
            "`frozen` and `mut` at once: keep what the type says",
        ));
    }
    if frozen && is_mut_field(ty) {
        let text = "a `MutField` can change: write the plain type, or take `frozen` off";
        return Err(Error::new_spanned(ty, text));
    }
    Ok(())
}

/// No two fields have one name.
fn check_names(members: &[Member]) -> Result<()> {
    let mut problems = Problems(None);
    let names: Vec<&LitStr> = members
        .iter()
        .filter_map(|member| member.name.as_ref())
        .collect();
    for (at, name) in names.iter().enumerate() {
        if names[..at]
            .iter()
            .any(|earlier| earlier.value() == name.value())
        {
            let text = format!(
                "another field is called `{}`: give one of them `#[object(rename = \"..\")]`",
                name.value()
            );
            problems.add(Error::new_spanned(name, text));
        }
    }
    problems.0.map_or(Ok(()), Err)
}

/// Defaults are the constructor's, and stand at the end.
fn check_defaults(members: &[Member], constructor: bool) -> Result<()> {
    let mut problems = Problems(None);
    if !constructor {
        if let Some(member) = members.iter().find(|member| member.default.is_some()) {
            let text = "a default is the constructor's: add `constructor` to the struct's \
                        `#[object(..)]`, or take `default` off";
            problems.add(Error::new_spanned(&member.ident, text));
        }
        return problems.0.map_or(Ok(()), Err);
    }
    let mut optional = false;
    for member in members.iter().filter(|member| !is_counted(member)) {
        match (&member.default, &member.name) {
            (None, None) => {
                let text = "the constructor has nothing to put into a skipped field: \
                            add `default` or `default = value`";
                problems.add(Error::new_spanned(&member.ident, text));
            }
            (None, Some(_)) if optional => {
                let text = "the constructor takes the fields in their order, so one without a default \
                            cannot stand behind one that has: move it forward, or give it `default`";
                problems.add(Error::new_spanned(&member.ident, text));
            }
            (None, Some(_)) => {}
            (Some(_), name) => optional |= name.is_some(),
        }
    }
    problems.0.map_or(Ok(()), Err)
}

/// Whether it counts the items.
pub(crate) fn is_counted(member: &Member) -> bool {
    last_name(&member.ty).is_some_and(|name| name == "ItemsLen")
}

/// With items there is one `ItemsLen`, and frontends that make one say how many.
fn check_items(ident: &Ident, members: &[Member], items: Option<&Type>) -> Result<()> {
    let counted: Vec<&Member> = members.iter().filter(|member| is_counted(member)).collect();
    match (items, counted.as_slice()) {
        (None, []) | (Some(_), [_]) => Ok(()),
        (None, [one, ..]) => {
            let text = "it counts items, and there are none: add `items = T` to the struct's \
                        `#[object(..)]`, or write `u64`";
            Err(Error::new_spanned(&one.ty, text))
        }
        (Some(_), []) => {
            let text = "nothing counts the items: add a field `length: ItemsLen`";
            Err(Error::new_spanned(ident, text))
        }
        (Some(_), [_, second, ..]) => Err(Error::new_spanned(
            &second.ty,
            "one `ItemsLen` counts the items: take this one off",
        )),
    }
}
