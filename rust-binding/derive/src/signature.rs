//! A function that frontends call: its arguments as the types they come in, and how they are passed on.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, FnArg, GenericParam, Pat, Result, Signature, Type};

use crate::kinds::last_name;

/// As many as typed functions have.
const MOST: usize = 8;

/// How a function is called on an object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// It is not.
    None,
    /// `&self`.
    Reference,
    /// `this: ObjectArc<Self>`.
    Owned,
    /// `this: &ObjectArc<Self>`.
    Handle,
}

/// A signature that was understood.
pub(crate) struct Called {
    pub(crate) receiver: Receiver,
    /// `a0: i64, a1: Str`, behind the receiver.
    pub(crate) takes: Vec<TokenStream>,
    /// `a0, &a1`.
    pub(crate) passes: Vec<TokenStream>,
    /// What they are called, as frontends show it.
    pub(crate) names: Vec<String>,
}

/// Understands a signature; `methods` says whether it may have a receiver.
pub(crate) fn read(signature: &Signature, methods: bool) -> Result<Called> {
    if let Some(word) = &signature.asyncness {
        let text = "frontends call, they do not await: block in the function, or take a `Function` to \
                    call back";
        return Err(Error::new_spanned(word, text));
    }
    if let syn::Safety::Unsafe(word) = &signature.safety {
        let text = "frontends cannot keep a safety contract: check what it asks for, and make the \
                    function safe";
        return Err(Error::new_spanned(word, text));
    }
    if let Some(dots) = &signature.variadic {
        return Err(Error::new_spanned(
            dots,
            "take an `Array` for any number of arguments",
        ));
    }
    for parameter in &signature.generics.params {
        if !matches!(parameter, GenericParam::Lifetime(_)) {
            let text =
                "frontends do not know what to put here: write the type out, or take an `Any`";
            return Err(Error::new_spanned(parameter, text));
        }
    }
    let mut called = Called {
        receiver: Receiver::None,
        takes: Vec::new(),
        passes: Vec::new(),
        names: Vec::new(),
    };
    for (at, input) in signature.inputs.iter().enumerate() {
        match input {
            FnArg::Receiver(this) => called.receiver = self_receiver(this, methods)?,
            FnArg::Typed(arg) if at == 0 && methods && is_this(&arg.pat) => {
                called.receiver = this_receiver(&arg.ty)?;
            }
            FnArg::Typed(arg) => {
                argument(&mut called, &arg.ty)?;
                let shown = shown_name(&arg.pat, &called.names);
                called.names.push(shown);
            }
        }
    }
    let most = if called.receiver == Receiver::None {
        MOST
    } else {
        MOST - 1
    };
    if called.takes.len() > most {
        let text = format!("at most {most} arguments: take an `Array`, or an object with fields");
        return Err(Error::new_spanned(&signature.inputs, text));
    }
    Ok(called)
}

fn self_receiver(this: &syn::Receiver, methods: bool) -> Result<Receiver> {
    if !methods {
        let text = "`#[function]` is for free functions: put `#[methods]` on the `impl` block";
        return Err(Error::new_spanned(this, text));
    }
    let text = match &this.kind {
        syn::ReceiverKind::Reference(_, _, None) => return Ok(Receiver::Reference),
        syn::ReceiverKind::Reference(..) => {
            "an object is shared, so that nobody has it as `&mut`: take `&self`, and make what changes a \
             `MutField`"
        }
        _ => {
            "an object is shared, so that nobody has it as a value: take `&self`, or \
             `this: ObjectArc<Self>`"
        }
    };
    Err(Error::new_spanned(this, text))
}

fn is_this(pattern: &Pat) -> bool {
    matches!(pattern, Pat::Ident(name) if name.ident == "this")
}

fn this_receiver(ty: &Type) -> Result<Receiver> {
    let is_handle = |ty: &Type| last_name(ty).is_some_and(|name| name == "ObjectArc");
    match ty {
        Type::Reference(reference)
            if reference.mutability.is_none() && is_handle(&reference.elem) =>
        {
            Ok(Receiver::Handle)
        }
        ty if is_handle(ty) => Ok(Receiver::Owned),
        _ => {
            let text = "`this` is the object the method is called on: its type is `ObjectArc<Self>` or \
                        `&ObjectArc<Self>`; call the argument something else if it is not that";
            Err(Error::new_spanned(ty, text))
        }
    }
}

/// An argument that is taken apart, or not looked at, is shown by its place.
fn shown_name(pattern: &Pat, earlier: &[String]) -> String {
    let mut shown = match pattern {
        Pat::Ident(name) => name.ident.to_string().trim_start_matches("r#").to_owned(),
        _ => format!("arg{}", earlier.len() + 1),
    };
    while earlier.contains(&shown) {
        shown.push('_');
    }
    shown
}

/// Adds an argument: what is borrowed is owned by the call.
fn argument(called: &mut Called, ty: &Type) -> Result<()> {
    let name = format_ident!("a{}", called.takes.len());
    match ty {
        Type::Reference(reference) if reference.mutability.is_some() => {
            let text =
                "arguments are shared with the caller: take the value, and return what is new";
            return Err(Error::new_spanned(ty, text));
        }
        Type::Reference(reference) => {
            let owned = match &*reference.elem {
                Type::Slice(bytes) if last_name(&bytes.elem).is_some_and(|name| name == "u8") => {
                    quote!(::rust_binding::support::Bytes)
                }
                Type::Slice(_) => {
                    return Err(Error::new_spanned(ty, "take an `Array` for a sequence"));
                }
                elem if last_name(elem).is_some_and(|name| name == "str") => {
                    quote!(::rust_binding::support::Str)
                }
                elem => quote!(#elem),
            };
            called.takes.push(quote!(#name: #owned));
            called.passes.push(quote!(&#name));
        }
        Type::ImplTrait(_) => {
            let text =
                "frontends do not know what to put here: write the type out, or take a `Function`";
            return Err(Error::new_spanned(ty, text));
        }
        _ => {
            if let Some(text) = instead(ty) {
                return Err(Error::new_spanned(ty, text));
            }
            called.takes.push(quote!(#name: #ty));
            called.passes.push(quote!(#name));
        }
    }
    Ok(())
}

/// What to write instead of a type that is often taken, and no argument here.
fn instead(ty: &Type) -> Option<&'static str> {
    match last_name(ty)?.as_str() {
        "String" => Some("take `Str` or `&str`: the text is the caller's"),
        "Vec" => Some("take an `Array` for a sequence"),
        "Box" | "Rc" | "Arc" => Some("take an `ObjectArc<T>`: the count is in the object"),
        "char" => Some("take a `Str`"),
        "u128" | "i128" => Some("integers have up to 64 bits: take an `i64`"),
        _ => None,
    }
}
