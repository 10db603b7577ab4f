//! Attributes: `#[object(..)]`, `#[repr(..)]`, documentation.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Expr, ExprLit, Lit, LitStr, Meta, Path, Result};

/// Whether it is an `#[object(..)]`.
pub(crate) fn is_object(attr: &Attribute) -> bool {
    attr.path().is_ident("object")
}

/// The doc comment as one text, each line without the space in front of it, up to the first heading:
/// `# Invariants`, `# Panics` and the like are for those who write Rust.
pub(crate) fn docs(attrs: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("doc")) {
        let Meta::NameValue(pair) = &attr.meta else {
            continue;
        };
        let Some(text) = text(&pair.value) else {
            continue;
        };
        let line = |line: &str| line.strip_prefix(' ').unwrap_or(line).to_owned();
        // An empty line has no lines.
        lines.extend(text.split('\n').map(line));
    }
    let above = lines.iter().take_while(|line| !line.starts_with("# "));
    above
        .cloned()
        .collect::<Vec<_>>()
        .join("\n")
        .trim()
        .to_owned()
}

/// A literal text, also one that a macro passed on.
fn text(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.value()),
        Expr::Group(group) => text(&group.expr),
        _ => None,
    }
}

/// Calls `each` with every option of every `#[object(..)]`; it answers whether it knows the option.
pub(crate) fn options(
    attrs: &[Attribute],
    known: &str,
    mut each: impl FnMut(&ParseNestedMeta<'_>) -> Result<bool>,
) -> Result<()> {
    for attr in attrs.iter().filter(|attr| is_object(attr)) {
        attr.parse_nested_meta(|meta| {
            if each(&meta)? {
                Ok(())
            } else {
                Err(meta.error(format!("unknown option; there are {known}")))
            }
        })?;
    }
    Ok(())
}

/// Keeps an option's value, once.
pub(crate) fn once<T>(place: &mut Option<T>, path: &Path, value: T) -> Result<bool> {
    if place.replace(value).is_some() {
        return Err(Error::new_spanned(path, "said twice: keep one of them"));
    }
    Ok(true)
}

/// Sets a flag, once.
pub(crate) fn flag(place: &mut bool, path: &Path) -> Result<bool> {
    if std::mem::replace(place, true) {
        return Err(Error::new_spanned(path, "said twice: keep one of them"));
    }
    Ok(true)
}

/// Whether a text can stand behind a dot in Python.
fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters
        .next()
        .is_some_and(|first| first == '_' || first.is_ascii_alphabetic())
        && letters.all(|letter| letter == '_' || letter.is_ascii_alphanumeric())
}

/// Checks what a field or method is to be called.
pub(crate) fn check_name(name: &LitStr) -> Result<()> {
    if is_name(&name.value()) {
        return Ok(());
    }
    Err(Error::new_spanned(
        name,
        "not a name: write letters, digits and `_`, no digit first",
    ))
}

/// Checks a type's key or a function's global name: names with dots between.
pub(crate) fn check_dotted(name: &LitStr, what: &str, example: &str) -> Result<()> {
    let text = name.value();
    if text.split('.').next() == Some("tieback") {
        let text =
            format!("`tieback.` is Tieback's own: begin the {what} with your library's name");
        return Err(Error::new_spanned(name, text));
    }
    if text.contains('.') && text.split('.').all(is_name) {
        return Ok(());
    }
    let text = format!("not a {what}: write names with dots between, as in `{example}`");
    Err(Error::new_spanned(name, text))
}

/// What `#[repr(..)]` says of a struct.
#[derive(Default)]
pub(crate) struct Repr {
    pub(crate) is_c: bool,
    pub(crate) packed: Option<Path>,
}

/// Reads every `#[repr(..)]`.
pub(crate) fn repr(attrs: &[Attribute]) -> Result<Repr> {
    let mut repr = Repr::default();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("repr")) {
        attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("C") {
                repr.is_c = true;
            }
            if meta.path.is_ident("packed") {
                repr.packed = Some(meta.path.clone());
            }
            if meta.input.peek(syn::token::Paren) {
                let inside;
                syn::parenthesized!(inside in meta.input);
                inside.parse::<proc_macro2::TokenStream>()?;
            }
            Ok(())
        })?;
    }
    Ok(repr)
}
