//! What `#[function]` expands to.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser;
use syn::{Error, ItemFn, LitStr, Result, meta};

use crate::attrs::{check_dotted, docs, flag, once};
use crate::signature::read;

/// The attribute.
pub(crate) fn expand(attr: TokenStream, item: ItemFn) -> Result<TokenStream> {
    let (mut name, mut releases) = (None, false);
    let parser = meta::parser(|meta| {
        let path = &meta.path;
        if path.is_ident("name") {
            let text: LitStr = meta.value()?.parse()?;
            check_dotted(&text, "global name", &format!("shop.{}", item.sig.ident))?;
            once(&mut name, path, text).map(drop)
        } else if path.is_ident("releases_interpreter") {
            flag(&mut releases, path).map(drop)
        } else {
            let known = "`name = \"library.name\"` and `releases_interpreter`";
            Err(Error::new_spanned(
                path,
                format!("unknown option; there are {known}"),
            ))
        }
    });
    parser.parse2(attr)?;
    let called = read(&item.sig, false)?;
    let (ident, visibility) = (&item.sig.ident, &item.vis);
    let name = match name {
        Some(name) => quote!(#name),
        None => {
            let own = ident.to_string();
            let own = own.trim_start_matches("r#");
            quote!(::core::concat!(::core::env!("CARGO_CRATE_NAME"), ".", #own))
        }
    };
    let (takes, passes, names) = (&called.takes, &called.passes, &called.names);
    let doc = docs(&item.attrs);
    let call = quote! {
        |#(#takes),*| ::rust_binding::support::IntoAny::into_any(#ident(#(#passes),*))
    };
    let export = if releases {
        quote!(exports.function_releasing_interpreter(#name, #call))
    } else {
        quote!(exports.function(#name, #call))
    };
    Ok(quote! {
        #item

        #[doc(hidden)]
        #[allow(non_camel_case_types, missing_debug_implementations)]
        #visibility enum #ident {}

        #[automatically_derived]
        impl ::rust_binding::support::FreeFunction for #ident {
            fn export(exports: &mut ::rust_binding::support::Exports) {
                #export.doc(#doc).parameters(&[#(#names),*]);
            }
        }
    })
}
