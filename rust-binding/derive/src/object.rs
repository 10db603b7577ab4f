//! What `#[derive(Object)]` expands to.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Expr, ExprLit, Lit, Result};

use crate::kinds::{argument, is_mut_field, last_name};
use crate::model::{FieldDefault, Member, Model, is_counted, read};

/// The derive.
pub(crate) fn derive(input: DeriveInput) -> Result<TokenStream> {
    let model = read(input)?;
    let (object, described, checks) = (object(&model), described(&model), checks(&model));
    let parent = parent(&model);
    let items = items(&model);
    let construct = construct(&model);
    Ok(quote! {
        #[automatically_derived]
        #[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
        const _: () = {
            #object
            #described
            #parent
            #items
            #construct
            #checks
        };
    })
}

fn object(model: &Model) -> TokenStream {
    let Model {
        ident, key, doc, ..
    } = model;
    let parent = model
        .parent
        .iter()
        .map(|parent| quote!(let builder = builder.parent::<#parent>();));
    let fields = seen(model).map(|(member, name)| {
        let Member { ident, ty, doc, .. } = member;
        // At the type, so that one that is no field is shown there; with the names of this place.
        quote_spanned!(ty.span().resolved_at(Span::call_site())=> let builder = builder.field(
            #name, #doc, ::rust_binding::support::field!(Self, #ident));)
    });
    let constructor = model.constructor.then(
        || quote!(let builder = ::rust_binding::support::constructor::<Self>(builder, #key);),
    );
    let items = model.items.is_some().then(|| {
        // Nobody gets `&mut` to a head whose length could be traded for another one's.
        quote!(
            const HAS_ITEMS: bool = true;
            const EXACT: bool = false;
        )
    });
    quote! {
        // SAFETY: repr(C), or the model was refused; the first field is a header or the parent, or
        // `checks` stops the build; Send and Sync by the trait's own bounds; the one type registered
        // here is this struct's. What changes is a `MutField`, which keeps the rules of `slots`. With
        // items it is an ItemsHead, below.
        unsafe impl ::rust_binding::support::Object for #ident {
            #items

            fn type_index() -> ::core::result::Result<i32, ::rust_binding::support::RegisterError> {
                static SLOT: ::rust_binding::support::TypeSlot =
                    ::rust_binding::support::TypeSlot::new();
                SLOT.get_or_register(|| {
                    #[allow(unused_imports)]
                    use ::rust_binding::support::NoMethods as _;
                    let builder = ::rust_binding::support::TypeBuilder::<Self>::new(#key).doc(#doc);
                    #(#parent)*
                    #(#fields)*
                    #constructor
                    Self::__one_methods_block_a_type(builder).register()
                })
            }
        }
    }
}

/// The fields that frontends see, and their names.
fn seen(model: &Model) -> impl Iterator<Item = (&Member, &syn::LitStr)> {
    model
        .fields
        .iter()
        .filter_map(|member| Some((member, member.name.as_ref()?)))
}

fn described(model: &Model) -> TokenStream {
    let Model {
        ident, constructor, ..
    } = model;
    let names = seen(model).map(|(_, name)| name);
    quote! {
        impl ::rust_binding::support::Described for #ident {
            const FIELDS: &'static [&'static str] = &[#(#names),*];
            const CONSTRUCTOR: bool = #constructor;
        }
    }
}

fn parent(model: &Model) -> Option<TokenStream> {
    let (ident, parent) = (&model.ident, model.parent.as_ref()?);
    Some(quote! {
        // SAFETY: repr(C), the first field is a `parent`, or `checks` stops the build, and it is the
        // parent registered above.
        unsafe impl ::rust_binding::support::Extends<#parent> for #ident {}
    })
}

fn items(model: &Model) -> Option<TokenStream> {
    let (ident, item) = (&model.ident, model.items.as_ref()?);
    let counted = &model.fields.iter().find(|member| is_counted(member))?.ident;
    Some(quote! {
        // SAFETY: HAS_ITEMS is set above; an `ItemsLen` is written by `set_items` only, and neither
        // copied nor, for a head that is not EXACT, traded.
        unsafe impl ::rust_binding::support::ItemsHead for #ident {
            type Item = #item;

            fn len(&self) -> usize {
                ::rust_binding::support::ItemsLen::get(&self.#counted)
            }

            unsafe fn set_items(&mut self, _: ::core::ptr::NonNull<#item>, len: usize) {
                // SAFETY: told by the constructor, and handed on.
                unsafe { ::rust_binding::support::ItemsLen::set(&mut self.#counted, len) }
            }
        }
    })
}

fn construct(model: &Model) -> Option<TokenStream> {
    if !model.constructor {
        return None;
    }
    let ident = &model.ident;
    let (first, first_type) = &model.first;
    let above = match &model.parent {
        Some(parent) => quote!(<#parent as ::rust_binding::support::Construct>::ARGUMENTS),
        None => quote!((0, 0)),
    };
    let first_value = match &model.parent {
        Some(parent) => quote!(<#parent as ::rust_binding::support::Construct>::construct(args)?),
        None => quote!(<#first_type>::new()),
    };
    let asked = || seen(model).filter(|(member, _)| !is_counted(member));
    let total = asked().count();
    let needed = asked()
        .filter(|(member, _)| member.default.is_none())
        .count();
    let fields = model.fields.iter().map(|member| {
        let (ident, ty) = (&member.ident, &member.ty);
        let default = member
            .default
            .as_ref()
            .map(|default| default_value(member, default));
        let value = match (&member.name, default) {
            (Some(_), None) if is_counted(member) => quote!(<#ty>::new()),
            (Some(name), None) => quote!(args.needed::<#ty>(#name)?),
            (Some(name), Some(default)) => quote!(args.optional::<#ty>(#name, || #default)?),
            (None, Some(default)) => default,
            // The model has no such field.
            (None, None) => quote!(<#ty as ::core::default::Default>::default()),
        };
        quote!(#ident: #value)
    });
    let parent_defaults = model.parent.as_ref().map(|parent| {
        let text = "the parent's constructor has defaults, so that the fields of this type must have \
                    some too: add `#[object(default)]` to them";
        quote_spanned! {parent.span()=>
            const _: () = ::core::assert!(
                #needed == 0 || {
                    let (needed, total) = <#parent as ::rust_binding::support::Construct>::ARGUMENTS;
                    needed == total
                },
                #text
            );
        }
    });
    Some(quote! {
        impl ::rust_binding::support::Construct for #ident {
            const ARGUMENTS: (usize, usize) = {
                let (needed, total): (usize, usize) = #above;
                (needed + #needed, total + #total)
            };

            fn construct(
                args: &mut ::rust_binding::support::Args<'_, '_>,
            ) -> ::core::result::Result<Self, ::rust_binding::support::Error> {
                ::core::result::Result::Ok(Self { #first: #first_value, #(#fields),* })
            }
        }
        #parent_defaults
    })
}

/// An expression of the field's own type.
fn default_value(member: &Member, default: &FieldDefault) -> TokenStream {
    let ty = &member.ty;
    let FieldDefault::Value(value) = default else {
        return quote_spanned!(ty.span()=> <#ty as ::core::default::Default>::default());
    };
    let is_text = matches!(
        value,
        Expr::Lit(ExprLit {
            lit: Lit::Str(_),
            ..
        })
    );
    let is_optional = last_name(ty).is_some_and(|name| name == "Optional");
    let value = if is_text || is_optional {
        quote!(::core::convert::Into::into(#value))
    } else {
        quote!(#value)
    };
    match argument(ty) {
        Some(inner) if is_mut_field(ty) => {
            quote!(::rust_binding::support::MutField::<#inner>::new(#value))
        }
        _ => value,
    }
}

/// What only the compiler can know: the types of fields.
fn checks(model: &Model) -> TokenStream {
    let (_, first) = &model.first;
    let begins = match &model.parent {
        Some(parent) => {
            let text = "nothing can stand behind a parent whose objects have items: \
                        hold it by `ObjectArc` instead";
            quote_spanned! {first.span()=>
                const _: () = ::rust_binding::support::begins_with_parent::<#first, #parent>();
                const _: () = ::core::assert!(
                    !<#parent as ::rust_binding::support::Object>::HAS_ITEMS, #text);
            }
        }
        None => quote_spanned! {first.span()=>
            const _: () = ::rust_binding::support::begins_with_header::<#first>();
        },
    };
    let changing = model.fields.iter().filter_map(|member| {
        let (span, ty) = (member.must_change?, &member.ty);
        Some(quote_spanned!(span=> const _: () = ::rust_binding::support::can_change::<#ty>();))
    });
    quote!(#begins #(#changing)*)
}
