//! A Rust program that uses the C library: `c-library path/to/libc_library.so`.

#[allow(unsafe_code)]
mod open;

use rust_binding::prelude::*;

fn function(name: &str) -> Result<Function, Error> {
    Function::get_global(name)
        .ok_or_else(|| Error::format("ImportError", format_args!("no function '{name}'")))
}

fn main() -> Result<(), Error> {
    let path = std::env::args()
        .nth(1)
        .ok_or_else(|| Error::new("ValueError", "usage: c-library path/to/libc_library.so"))?;
    open::library(&path)?;

    let open = function("c_library.open")?;
    let ada: ObjectRef = open.call(("Ada", 100))?;
    let bob: ObjectRef = open.call(("Bob", 5))?;
    let transfer = function("c_library.transfer")?;
    transfer.call::<()>((ada.clone(), bob.clone(), 60))?;
    let refused = transfer.call::<()>((ada.clone(), bob, 60)).unwrap_err();
    println!("refused: {refused}");

    let squares = typed("square", |n: i64| n * n);
    let sum: i64 = function("c_library.sum")?.call((5, squares))?;
    println!("0 + 1 + 4 + 9 + 16 = {sum}");

    function("c_library.put")?.call::<Any>((ada.clone(),))?;
    let held: ObjectRef = function("c_library.held")?.call(())?;
    println!(
        "held is the same object: {}",
        ObjectArc::ptr_eq(&held, &ada)
    );
    drop((held, ada));
    function("c_library.put")?.call::<Any>(((),))?;
    let live: i64 = function("c_library.live")?.call(())?;
    println!("accounts alive: {live}");
    assert_eq!((sum, live), (30, 0));
    Ok(())
}
