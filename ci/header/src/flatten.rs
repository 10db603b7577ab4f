//! The definitions that C sees, as one flat Rust file: cbindgen knows no modules, and would give two
//! constants of one name in two modules the same name in C.

use quote::{ToTokens, format_ident};
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{Attribute, Expr, Fields, Ident, Item, Lit, Meta, Type, Visibility, parse_quote};

/// What C calls the constants of a module: `flags::HEADED` is `TB_FLAG_HEADED`.
const PREFIXES: [(&str, &str); 11] = [
    ("type_index", "TB_TYPE_"),
    ("flags", "TB_FLAG_"),
    ("field_flags", "TB_FIELD_"),
    ("method_flags", "TB_METHOD_"),
    ("type_flags", "TB_BODY_"),
    ("register_status", "TB_REGISTER_"),
    ("call_status", "TB_CALL_"),
    ("function_status", "TB_FUNCTION_"),
    ("library_status", "TB_LIBRARY_"),
    ("container_status", "TB_CONTAINER_"),
    ("FieldKind", "TB_KIND_"),
];

/// Constants that mean something in Rust only.
const RUST_ONLY: [&str; 2] = ["RUNTIME", "LIBRARY_INIT_SYMBOL"];

fn prefix(module: &str) -> &'static str {
    PREFIXES
        .iter()
        .find(|(name, _)| *name == module)
        .map_or("TB_", |(_, prefix)| prefix)
}

/// The definitions of a source file, appended to `flat`.
///
/// # Errors
///
/// The file is no Rust.
pub(crate) fn flatten(source: &str, module: &str, flat: &mut String) -> syn::Result<()> {
    let file = syn::parse_file(source)?;
    for item in file.items {
        add(item, module, flat);
    }
    Ok(())
}

fn add(item: Item, module: &str, flat: &mut String) {
    let mut out = |item: Item| {
        flat.push_str(&item.into_token_stream().to_string());
        flat.push('\n');
    };
    match item {
        Item::Mod(inner) if is_public(&inner.vis) => {
            let name = inner.ident.to_string();
            for item in inner.content.into_iter().flat_map(|(_, items)| items) {
                add(item, &name, flat);
            }
        }
        Item::Const(mut constant) if is_public(&constant.vis) => {
            if RUST_ONLY.iter().any(|name| constant.ident == name) {
                return;
            }
            constant.ident = format_ident!("{}{}", prefix(module), constant.ident);
            clean(&mut constant.attrs);
            out(Item::Const(constant));
        }
        // As constants: in C an enum has the size of an int, and these are one byte.
        Item::Enum(kinds) if is_repr(&kinds.attrs, "u8") => {
            let name = kinds.ident.to_string();
            for variant in kinds.variants {
                let upper = variant.ident.to_string().to_uppercase();
                let ident = format_ident!("{}{}", prefix(&name), upper);
                let Some((_, value)) = variant.discriminant else {
                    continue;
                };
                let mut attrs = variant.attrs;
                clean(&mut attrs);
                out(parse_quote!(#(#attrs)* pub const #ident: u8 = #value;));
            }
        }
        // Fields that only 32-bit targets have: helpers.h has those structs.
        Item::Struct(body) if body.fields.iter().any(|field| is_type(&field.ty, "Pad")) => {}
        Item::Struct(mut body) if is_repr(&body.attrs, "C") => {
            clean(&mut body.attrs);
            for field in &mut body.fields {
                clean(&mut field.attrs);
                InFields.visit_type_mut(&mut field.ty);
            }
            visible(&mut body.fields);
            out(Item::Struct(body));
        }
        Item::Union(mut body) if is_repr(&body.attrs, "C") => {
            clean(&mut body.attrs);
            for field in &mut body.fields.named {
                clean(&mut field.attrs);
                Plain.visit_type_mut(&mut field.ty);
                // What are C's own words in Rust's definition.
                for (rust, c) in [("int", "i64"), ("float", "f64")] {
                    if field.ident.as_ref().is_some_and(|name| name == rust) {
                        field.ident = Some(format_ident!("{c}"));
                    }
                }
            }
            out(Item::Union(body));
        }
        Item::Type(mut alias) if is_public(&alias.vis) => {
            clean(&mut alias.attrs);
            Plain.visit_type_mut(&mut alias.ty);
            out(Item::Type(alias));
        }
        _ => {}
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn visible(fields: &mut Fields) {
    for field in fields {
        field.vis = parse_quote!(pub);
    }
}

fn is_repr(attrs: &[Attribute], wanted: &str) -> bool {
    attrs.iter().any(|attr| {
        let mut found = false;
        attr.path().is_ident("repr")
            && attr
                .parse_nested_meta(|meta| {
                    found |= meta.path.is_ident(wanted);
                    if !meta.input.is_empty() && meta.input.peek(syn::token::Paren) {
                        let inner;
                        syn::parenthesized!(inner in meta.input);
                        inner.parse::<Lit>()?;
                    }
                    Ok(())
                })
                .is_ok()
            && found
    })
}

/// Leaves what cbindgen uses: the layout, and the documentation up to where it is for Rust alone (a
/// heading, an example, a paragraph that begins with "Rust"), without links.
fn clean(attrs: &mut Vec<Attribute>) {
    let mut lines = Vec::new();
    attrs.retain(|attr| {
        if let (true, Meta::NameValue(pair)) = (attr.path().is_ident("doc"), &attr.meta) {
            if let Expr::Lit(text) = &pair.value {
                if let Lit::Str(text) = &text.lit {
                    lines.push(without_links(&text.value()));
                }
            }
        }
        attr.path().is_ident("repr")
    });
    let rust_alone = |line: &String| {
        let line = line.trim_start();
        line.starts_with("# ") || line.starts_with("```") || line.starts_with("Rust ")
    };
    let end = lines.iter().position(rust_alone).unwrap_or(lines.len());
    lines.truncate(end);
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    attrs.extend(
        lines
            .iter()
            .map(|line| -> Attribute { parse_quote!(#[doc = #line]) }),
    );
}

/// ``[`A`](b)`` and ``[`A`]`` as `` `A` ``.
fn without_links(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("[`") {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.find("`]").map_or(rest.len(), |end| end + 1);
        out.push_str(&rest[..end]);
        rest = rest.get(end + 1..).unwrap_or_default();
        if rest.starts_with('(') {
            rest = rest.find(')').map_or(rest, |end| &rest[end + 1..]);
        }
    }
    out + rest
}

/// Rust's names for what C has plain types for.
struct Plain;

impl VisitMut for Plain {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Some(plain) = last_segment(ty).and_then(|name| plain(&name, ty)) {
            *ty = plain;
        }
        visit_type_mut(self, ty);
    }
}

/// As [`Plain`], and with the alignment that this ABI asks of 64-bit numbers on every target.
struct InFields;

impl VisitMut for InFields {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        Plain.visit_type_mut(ty);
        match last_segment(ty).map(|name| name.to_string()).as_deref() {
            Some("u64") => *ty = parse_quote!(aligned_u64),
            Some("i64") => *ty = parse_quote!(aligned_i64),
            _ => {}
        }
    }
}

fn is_type(ty: &Type, wanted: &str) -> bool {
    last_segment(ty).is_some_and(|name| name == wanted)
}

fn last_segment(ty: &Type) -> Option<Ident> {
    let Type::Path(path) = ty else { return None };
    Some(path.path.segments.last()?.ident.clone())
}

fn plain(name: &Ident, ty: &Type) -> Option<Type> {
    Some(match name.to_string().as_str() {
        "AtomicU32" | "Bits" => parse_quote!(u32),
        "AtomicUsize" => parse_quote!(usize),
        "AtomicU64" | "Counts" => parse_quote!(u64),
        "Slot" => parse_quote!(*const AllocatorEntry),
        "Str" | "Bytes" | "Any" => parse_quote!(RawAny),
        "UnsafeCell" => {
            let Type::Path(path) = ty else { return None };
            let syn::PathArguments::AngleBracketed(of) = &path.path.segments.last()?.arguments
            else {
                return None;
            };
            let syn::GenericArgument::Type(inner) = of.args.first()? else {
                return None;
            };
            inner.clone()
        }
        _ => return None,
    })
}
