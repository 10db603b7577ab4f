//! [`About`]: what was registered of a function besides its name.

use alloc::string::String;
use core::ffi::c_void;

use crate::abi::ByteSlice;
use crate::error_kinds::{AllocError, NewError};
use crate::header::ObjectHeader;
use crate::room::{NoMemory, append};
use crate::runtime::runtime;

/// What is known of a [registered](crate::Function::register_documented) function.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct About {
    /// Its name in the process.
    pub name: String,
    /// Its documentation; empty if there is none.
    pub doc: String,
    /// Its parameters as `(price, count, /)`; empty if they are not known.
    pub signature: String,
}

/// What is known of a function.
///
/// # Safety
///
/// It is alive.
pub(crate) unsafe fn about(function: *mut ObjectHeader) -> Result<Option<About>, NewError> {
    type Answer = Option<Result<About, NewError>>;
    unsafe extern "C" fn copy(
        context: *mut c_void,
        name: ByteSlice,
        doc: ByteSlice,
        signature: ByteSlice,
    ) {
        // SAFETY: the context is the variable below; the texts are readable for the call.
        let (answer, [name, doc, signature]) = unsafe {
            let texts = [name, doc, signature].map(|text| owned(text.as_str()));
            (&mut *context.cast::<Answer>(), texts)
        };
        let about = || Ok(About { name: name?, doc: doc?, signature: signature? });
        *answer = Some(about());
    }
    let mut answer: Answer = None;
    // SAFETY: the caller's contract; `copy` does not call back into the table.
    unsafe { (runtime().function_about)(function, (&raw mut answer).cast(), copy) };
    answer.transpose()
}

fn owned(text: &str) -> Result<String, NewError> {
    let mut copy = String::new();
    match append(&mut copy, text) {
        Ok(()) => Ok(copy),
        Err(NoMemory) => Err(AllocError::new(text.len(), 1).into()),
    }
}
