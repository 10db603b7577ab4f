//! A Tieback library that fails to load in the way that the environment variable `TIEBACK_BROKEN`
//! names, read each time the library is loaded:
//!
//! | value | what loading gives |
//! |---|---|
//! | `fail` | `ValueError: the library changed its mind`, after it collected a type and a function |
//! | `panic` | `PanicError` |
//! | `needs` | `ImportError`: it needs `broken.nobody_has_this` |
//! | `taken` | `ValueError`: it exports a name twice |
//! | `type` | `ValueError`: its type has the key of another type |
//! | `major` | `ImportError`: it speaks the next major ABI version |
//! | `minor` | `ImportError`: it speaks a newer minor ABI version |
//! | `status` | `ImportError`: an answer that no version defines |
//! | `not_an_error` | `RuntimeError`: it failed without an error object |
//! | `own_runtime` | `ImportError`: it runs its own runtime. From then on this copy always says so |
//! | not set | loads, and exports `broken.mended()`, which returns True |

#[allow(unsafe_code)]
mod handshake;
