//! What `#[methods]` expands to.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Attribute, Error, ImplItem, ImplItemFn, ItemImpl, LitStr, Result};

use crate::attrs::{check_name, docs, flag, is_object, once, options};
use crate::model::Problems;
use crate::signature::{Called, Receiver, read};

/// What a function's `#[object(..)]` says.
#[derive(Default)]
struct Options {
    rename: Option<LitStr>,
    constructor: bool,
    skip: bool,
}

/// A function that frontends see.
struct Method {
    name: LitStr,
    is_constructor: bool,
    /// Adds it to the builder.
    added: TokenStream,
    conditions: Vec<Attribute>,
}

/// The attribute.
pub(crate) fn expand(attr: TokenStream, mut block: ItemImpl) -> Result<TokenStream> {
    let mut problems = Problems(None);
    if !attr.is_empty() {
        problems.add(Error::new_spanned(
            attr,
            "`#[methods]` takes no options: functions do",
        ));
    }
    if let Some((path, _)) = &block.trait_ {
        let text =
            "the methods of a trait are its own: write `impl Type`, and call the trait's there";
        problems.add(Error::new_spanned(path, text));
    }
    if let Some(parameter) = block.generics.params.first() {
        let text = "an object type has no parameters: write the types out";
        problems.add(Error::new_spanned(parameter, text));
    }
    let mut methods = Vec::new();
    for item in &mut block.items {
        if let ImplItem::Fn(function) = item {
            let method = method(function);
            function.attrs.retain(|attr| !is_object(attr));
            methods.extend(problems.check(method).flatten());
        }
    }
    problems.check(check_names(&methods));
    if let Some(problem) = problems.0 {
        return Err(problem);
    }
    let ty = &block.self_ty;
    let added = methods.iter().map(|method| {
        let (added, conditions) = (&method.added, &method.conditions);
        quote!(#(#conditions)* let builder = #added;)
    });
    let checks = methods.iter().map(|method| {
        let name = method.name.value();
        if method.is_constructor {
            let text = "the struct says `constructor` as well: take it off there or here";
            return quote! {
                const _: () = ::core::assert!(
                    !<#ty as ::rust_binding::support::Described>::CONSTRUCTOR, #text);
            };
        }
        let text = format!(
            "a field is called `{name}` too: give the method or the field `#[object(rename = \"..\")]`"
        );
        quote! {
            const _: () = ::core::assert!(
                !::rust_binding::support::is_one_of(
                    #name, <#ty as ::rust_binding::support::Described>::FIELDS),
                #text
            );
        }
    });
    Ok(quote! {
        #block

        #[automatically_derived]
        impl #ty {
            #[doc(hidden)]
            #[allow(unreachable_pub, missing_docs, clippy::redundant_closure)]
            pub fn __one_methods_block_a_type(
                builder: ::rust_binding::support::TypeBuilder<'static, Self>,
            ) -> ::rust_binding::support::TypeBuilder<'static, Self> {
                #(#added)*
                builder
            }
        }

        #(#checks)*
    })
}

fn method(function: &ImplItemFn) -> Result<Option<Method>> {
    let mut said = Options::default();
    let known = "`rename = \"name\"`, `constructor` and `skip`";
    options(&function.attrs, known, |meta| {
        let path = &meta.path;
        if path.is_ident("rename") {
            let name: LitStr = meta.value()?.parse()?;
            check_name(&name)?;
            once(&mut said.rename, path, name)
        } else if path.is_ident("constructor") {
            flag(&mut said.constructor, path)
        } else if path.is_ident("skip") {
            flag(&mut said.skip, path)
        } else {
            Ok(false)
        }
    })?;
    if said.skip {
        return Ok(None);
    }
    let signature = &function.sig;
    let called = read(signature, true)?;
    let name = name_of(function, &said, &called)?;
    let doc = docs(&function.attrs);
    Ok(Some(Method {
        added: added(function, &called, &name, &doc),
        is_constructor: said.constructor,
        name,
        conditions: function
            .attrs
            .iter()
            .filter(|attr| attr.path().is_ident("cfg"))
            .cloned()
            .collect(),
    }))
}

fn name_of(function: &ImplItemFn, said: &Options, called: &Called) -> Result<LitStr> {
    let ident = &function.sig.ident;
    if said.constructor {
        if let Some(rename) = &said.rename {
            let text = "a constructor is called by the class's name: take `rename` off";
            return Err(Error::new_spanned(rename, text));
        }
        if called.receiver != Receiver::None {
            let text =
                "a constructor is called before there is an object: take `self` or `this` off";
            return Err(Error::new_spanned(&function.sig.inputs, text));
        }
        return Ok(LitStr::new("__new__", ident.span()));
    }
    let own = || LitStr::new(ident.to_string().trim_start_matches("r#"), ident.span());
    Ok(said.rename.clone().unwrap_or_else(own))
}

fn added(function: &ImplItemFn, called: &Called, name: &LitStr, doc: &str) -> TokenStream {
    let ident = &function.sig.ident;
    let Called {
        receiver,
        takes,
        passes,
        ..
    } = called;
    // As a value before it leaves the closure: it may borrow from the arguments.
    let this = match receiver {
        Receiver::None => {
            return quote! {
                ::rust_binding::support::TypedMethods::typed_static(
                    builder, #name, #doc, |#(#takes),*| ::rust_binding::support::IntoAny::into_any(
                        Self::#ident(#(#passes),*)))
            };
        }
        Receiver::Owned => quote!(::rust_binding::support::ObjectArc<Self>),
        Receiver::Reference | Receiver::Handle => quote!(&::rust_binding::support::ObjectArc<Self>),
    };
    quote! {
        ::rust_binding::support::TypedMethods::typed_method(
            builder, #name, #doc,
            |this: #this #(, #takes)*| {
                ::rust_binding::support::IntoAny::into_any(Self::#ident(this #(, #passes)*))
            })
    }
}

/// No two functions have one name. Those under a `cfg` may be alternatives.
fn check_names(methods: &[Method]) -> Result<()> {
    let mut problems = Problems(None);
    for (at, method) in methods.iter().enumerate() {
        let twice = |earlier: &Method| {
            earlier.name.value() == method.name.value()
                && earlier.conditions.is_empty()
                && method.conditions.is_empty()
        };
        if methods[..at].iter().any(twice) {
            let name = method.name.value();
            let text = if method.is_constructor {
                "another function is the constructor: keep one of them".to_owned()
            } else {
                format!(
                    "another method is called `{name}`: give one of them `#[object(rename = \"..\")]`"
                )
            };
            let span: Span = method.name.span();
            problems.add(Error::new(span, text));
        }
    }
    problems.0.map_or(Ok(()), Err)
}
