//! An application's side of embedding: a runtime of its own, with objects in it, before Python comes.
//!
//! Its global functions begin with `early_host.`: `echo`, `make` (a new array), `keep` and `kept` (one
//! value; at first an array of what was made at the start).

#[allow(unsafe_code)]
mod host;
