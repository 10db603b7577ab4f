//! A Rust application that loads a library it was not built with, and has no Python anywhere.
//!
//! `rust-app LIBRARY LOCKFILE`: loads the crate-graph library, reads the lock file with it, and prints the
//! packages that most others depend on.

mod report;

#[allow(unsafe_code)]
mod walk;

use std::process::ExitCode;

use rust_binding::prelude::*;

use crate::report::Report;
use crate::walk::{load_graph, packages};

fn run(library: &str, lock_file: &str) -> Result<(), Error> {
    let graph = load_graph(library, lock_file)?;
    println!("{}", graph.call_method::<Str>("label", ())?);

    // An object type of this application's own; the library's packages are its values.
    let report = Report::new();
    for package in packages(&graph)? {
        let dependents = package.call_method::<Array>("dependents", ())?;
        report.add(&package, dependents.len())?;
    }
    // A closure as a Function: the library, or Python were it here, could call it as well.
    let line = typed("rust_app.line", |package: ObjectRef, count: i64| {
        let label = package.call_method::<Str>("label", ())?;
        Ok::<_, Error>(format!("{count:>4} depend on {label}"))
    });
    for text in report.top(5, &line)? {
        println!("{text}");
    }

    // The same object, however it is reached.
    let root: ObjectRef = graph.field("root")?;
    let again: ObjectRef = graph.field("root")?;
    println!("root is root: {}", root == again);

    // What goes wrong is an error with a name and a message.
    for wrong in [
        root.set_field("name", "other").unwrap_err(),
        graph.call_method::<Str>("find", (3,)).unwrap_err(),
        load_graph(library, "no/such/file").unwrap_err(),
    ] {
        println!("refused: {wrong}");
    }

    drop((root, again, graph, report));
    let stats: ObjectRef = Function::get_global("crate_graph.stats")
        .ok_or_else(|| Error::new("KeyError", "crate_graph.stats is not there"))?
        .call(())?;
    println!(
        "packages alive at the end: {}",
        stats.field::<i64>("packages")?
    );
    Ok(())
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [library, lock_file] = args.as_slice() else {
        eprintln!("usage: rust-app LIBRARY LOCKFILE");
        return ExitCode::from(2);
    };
    match run(library, lock_file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rust-app: {error:?}");
            ExitCode::FAILURE
        }
    }
}
