//! Functions that cannot be exported.
use rust_binding::prelude::*;

#[function(name = "undotted")]
fn undotted() {}

#[function(global = "ui.f")]
fn unknown() {}

#[function]
fn generic<T: Into<Any>>(value: T) {}

#[function]
async fn later() {}

#[function]
fn texts(texts: Vec<String>) {}

fn plain() {}

enum Plain {}

fn main() {
    let _ = rust_binding::register(|exports| {
        exports.free_function::<Plain>();
        Ok(())
    });
    plain();
}
