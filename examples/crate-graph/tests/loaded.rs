//! The same library as another program sees it: loaded at run time, by name only.
#![allow(unsafe_code)]

use std::path::PathBuf;

use rust_binding::object_core::read_field;
use rust_binding::prelude::*;
use rust_binding::{load_library, type_info};

/// The test's own build of the library: beside the test itself.
fn path() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let name = format!(
        "{}crate_graph{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    test.parent().unwrap().join(name)
}

fn read(object: &ObjectRef, name: &str) -> Any {
    let info = type_info(ObjectArc::header(object).type_index()).unwrap();
    // SAFETY: a live object and a field of its type.
    unsafe { read_field(ObjectArc::as_ptr(object), info.field(name).expect(name)) }
}

#[test]
fn a_graph_is_walked_by_reflection() {
    // SAFETY: this project's own library.
    unsafe { load_library(path()) }.unwrap();
    let call = |name: &str| Function::get_global(&format!("crate_graph.{name}")).expect(name);
    let alive = || {
        read(&call("stats").call(()).unwrap(), "packages")
            .get::<i64>()
            .unwrap()
    };
    assert_eq!(alive(), 0);

    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
    let graph: ObjectRef = call("load").call((lock,)).unwrap();
    let packages = read(&graph, "packages").get::<Array>().unwrap();
    assert_eq!(alive(), packages.len() as i64);
    let root = read(&graph, "root").get::<ObjectRef>().unwrap();
    assert!(read(&root, "source").is_none(), "the root is local");
    let same: ObjectRef = call("identity").call((&root,)).unwrap();
    assert!(ObjectArc::ptr_eq(&same, &root));
    let far = packages
        .iter()
        .find(|one| !read(&one.get().unwrap(), "source").is_none())
        .unwrap();
    let checksum = read(&far.get().unwrap(), "checksum").get::<Str>().unwrap();
    assert_eq!(checksum.len(), 64);

    let error = call("load").call::<Any>(("nowhere.lock",)).unwrap_err();
    assert_eq!(error.kind(), "FileNotFoundError");
    let error = call("load").call::<Any>((1,)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "TypeError: crate_graph.load() argument 1: expected str, got int"
    );
    let error = call("identity").call::<Any>((&graph,)).unwrap_err();
    assert_eq!(
        error.message(),
        "crate_graph.identity() argument 1: expected crate_graph.Package, got crate_graph.Graph"
    );

    drop((graph, packages, root, same));
    assert_eq!(alive(), 0);
}
