//! Objects made by what the derive wrote.

use rust_binding::prelude::*;
use rust_binding::{FunctionObj, type_info};

/// Calls the constructor.
pub(crate) fn made<T: Object>(key: &str, args: &[Any]) -> Result<ObjectArc<T>, Error> {
    let info = type_info(T::type_index()?).unwrap();
    assert_eq!(info.key(), key);
    let method = info
        .own_methods()
        .iter()
        .find(|method| method.name() == "__new__")
        .unwrap();
    let function = std::ptr::NonNull::new(method.function).unwrap();
    // SAFETY: the table's own function, kept for ever.
    #[allow(unsafe_code)]
    let function = unsafe { ObjectArc::<FunctionObj>::from_borrowed(function.cast()) };
    let views: Vec<AnyView<'_>> = args.iter().map(Any::view).collect();
    Ok(Function::from_object(function).call_packed(&views)?.get()?)
}
