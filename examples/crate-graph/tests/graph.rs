//! Graphs of real and of made-up lock files: shared, weakly linked back, nothing left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate_graph::{Graph, Package, load, stats};
use rust_binding::{Error, ObjectArc};

/// One test at a time; at its end as many objects are alive as at its start.
struct Session {
    before: (i64, i64),
    _one_at_a_time: MutexGuard<'static, ()>,
}

fn alive() -> (i64, i64) {
    let stats = stats().unwrap();
    (stats.packages, stats.graphs)
}

fn session() -> Session {
    static LOCK: Mutex<()> = Mutex::new(());
    let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    Session {
        before: alive(),
        _one_at_a_time: guard,
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(alive(), self.before, "packages or graphs were leaked");
        }
    }
}

/// A lock file of the test's own.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: impl AsRef<[u8]>) -> Self {
        let name = format!("tieback-{}-{name}.lock", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn error(&self) -> Error {
        let error = load(&self.0).unwrap_err();
        let shown = self.0.display().to_string();
        assert!(
            error.message().contains(&shown),
            "does not name the file: {error}"
        );
        assert!(
            !error.message().contains('\n'),
            "more than one line: {error}"
        );
        error
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A lock file of local packages: (name, dependencies).
fn locals(name: &str, packages: &[(&str, &[&str])]) -> File {
    let mut text = String::from("version = 4\n");
    for (package, dependencies) in packages {
        text += &format!("\n[[package]]\nname = \"{package}\"\nversion = \"1.0.0\"\n");
        text += &format!("dependencies = {dependencies:?}\n");
    }
    File::new(name, text)
}

fn own_lock() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock")
}

fn find(graph: &Graph, name: &str) -> ObjectArc<Package> {
    graph
        .find(name)
        .unwrap_or_else(|| panic!("no package {name}"))
}

fn names<'a>(packages: impl IntoIterator<Item = &'a ObjectArc<Package>>) -> Vec<String> {
    packages
        .into_iter()
        .map(|package| package.name().to_owned())
        .collect()
}

#[test]
fn this_repositorys_own_lock_file() {
    let _session = session();
    let graph = load(own_lock()).unwrap();
    assert!(graph.packages().len() > 20);
    assert!(graph.path().ends_with("Cargo.lock"));
    let core = find(&graph, "object-core");
    assert!(core.label().starts_with("object-core "));
    // One object, however it is reached.
    let binding = find(&graph, "rust-binding");
    let through = binding
        .dependencies()
        .find(|one| one.name() == "object-core")
        .unwrap();
    assert!(ObjectArc::ptr_eq(&core, &through));
    // And the way back.
    let dependents = core.dependents();
    assert!(
        dependents.len() >= 2,
        "both bindings stand on it: {:?}",
        names(&dependents)
    );
    assert!(
        dependents
            .iter()
            .any(|one| ObjectArc::ptr_eq(one, &binding))
    );
    // Every edge is known at both of its ends.
    let back: usize = graph.packages().map(|one| one.dependents().len()).sum();
    assert_eq!(back, graph.edges());
    for root in graph.roots() {
        assert!(root.dependents().is_empty());
    }
    assert!(ObjectArc::ptr_eq(
        graph.root(),
        &graph.roots().next().unwrap()
    ));
    let made_again = load(own_lock()).unwrap();
    assert!(
        !ObjectArc::ptr_eq(&core, &find(&made_again, "object-core")),
        "each load is its own"
    );
}

#[test]
fn a_package_keeps_what_it_depends_on_and_nothing_else() {
    let _session = session();
    let file = locals(
        "keep",
        &[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &[])],
    );
    let graph = load(&file.0).unwrap();
    let (b, d) = (find(&graph, "b"), find(&graph, "d"));
    assert_eq!(names(&d.dependents()), ["b", "c"]);
    assert_eq!(names(&b.dependents()), ["a"]);
    assert_eq!(
        ObjectArc::strong_count(&d),
        4,
        "the graph, b, c, and this test"
    );
    let before = alive().0;
    drop(graph);
    assert_eq!(before - alive().0, 2, "a and c died, b keeps d");
    assert_eq!(names(&d.dependents()), ["b"]);
    assert!(b.dependents().is_empty());
    drop(b);
    assert!(d.dependents().is_empty());
    assert_eq!(d.label(), "d 1.0.0");
}

#[test]
fn cycles_do_not_leak() {
    let _session = session();
    let file = locals(
        "cycle",
        &[("a", &["b"]), ("b", &["c"]), ("c", &["a", "b", "c"])],
    );
    let graph = load(&file.0).unwrap();
    let c = find(&graph, "c");
    assert_eq!(
        graph.root().name(),
        "a",
        "nobody is free: the first local one"
    );
    assert_eq!(names(&graph.roots().collect::<Vec<_>>()), ["a"]);
    assert_eq!(c.dependencies().len(), 0);
    assert_eq!(names(&c.cyclic_dependencies()), ["a", "b", "c"]);
    assert_eq!(names(&find(&graph, "a").dependents()), ["c"]);
    assert_eq!(graph.edges(), 5);
    drop(graph);
    assert_eq!(
        names(&c.cyclic_dependencies()),
        ["c"],
        "it does not keep a and b"
    );
}

#[test]
fn roots_of_a_workspace() {
    let _session = session();
    let file = locals(
        "roots",
        &[("lib", &[]), ("app", &["lib"]), ("tool", &["lib", "tool"])],
    );
    let graph = load(&file.0).unwrap();
    let roots: Vec<_> = graph.roots().collect();
    assert_eq!(
        names(&roots),
        ["app", "tool"],
        "a package that depends on itself is free"
    );
    assert_eq!(graph.root().name(), "app");
    assert!(graph.label().starts_with("3 packages of "));
}

#[test]
fn a_deep_chain_is_loaded_and_dropped() {
    let _session = session();
    let mut text = String::from("version = 4\n");
    for at in 0..5_000 {
        text += &format!("[[package]]\nname = \"p{at}\"\nversion = \"1.0.0\"\n");
        if at > 0 {
            text += &format!("dependencies = [\"p{} 1.0.0\"]\n", at - 1);
        }
    }
    // Resolving abbreviated names is quadratic in the parser; the first format spells them out.
    let file = File::new("deep", text.replace("version = 4\n", ""));
    let graph = load(&file.0).unwrap();
    assert_eq!(graph.root().name(), "p4999");
    let mut at = graph.root().clone();
    drop(graph);
    let mut depth = 1;
    while let Some(next) = { at.dependencies().next() } {
        (at, depth) = (next, depth + 1);
    }
    assert_eq!(depth, 5_000);
}

const FIRST_FORMAT: &str = r#"
[[package]]
name = "app"
version = "0.1.0"
dependencies = [
 "log 0.4.8 (registry+https://github.com/rust-lang/crates.io-index)",
]

[[package]]
name = "log"
version = "0.4.8"
source = "registry+https://github.com/rust-lang/crates.io-index"

[metadata]
"checksum log 0.4.8 (registry+https://github.com/rust-lang/crates.io-index)" = "14b6052be84e6b71ab17edffc2eeabf5c2c3ae1fdb464aae35ac50c67a44e1f7"
"#;

const TWO_VERSIONS: &str = r#"
version = 3

[[package]]
name = "app"
version = "0.1.0"
dependencies = [
 "log 0.3.9",
 "log 0.4.8 (git+https://example.com/log?branch=main)",
]

[[package]]
name = "log"
version = "0.3.9"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "e19e8d5c34a3e0e2223db8e060f9e8264aeeb5c5fc64a4ee9965c062211c024b"

[[package]]
name = "log"
version = "0.4.8"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "log"
version = "0.4.8"
source = "git+https://example.com/log?branch=main#0123456789abcdef0123456789abcdef01234567"
"#;

#[test]
fn older_formats_and_packages_of_one_name() {
    let _session = session();
    let file = File::new("first", FIRST_FORMAT);
    let graph = load(&file.0).unwrap();
    let log = graph.root().dependencies().next().unwrap();
    assert_eq!(log.label(), "log 0.4.8");
    let checksum = format!("{log:?}");
    assert!(checksum.contains("14b6052be84e6b71"), "{checksum}");

    let file = File::new("two", TWO_VERSIONS);
    let graph = load(&file.0).unwrap();
    let meant: Vec<_> = graph.root().dependencies().collect();
    let all: Vec<_> = graph.packages().collect();
    assert!(ObjectArc::ptr_eq(&meant[0], &all[1]));
    assert!(
        ObjectArc::ptr_eq(&meant[1], &all[3]),
        "the one from git, though its commit is not named"
    );
    assert_eq!(
        names(&graph.roots().collect::<Vec<_>>()),
        ["app"],
        "unused registry ones are no roots"
    );
}

#[test]
fn a_missing_file_is_named() {
    let _session = session();
    let error = load("no/such/Cargo.lock").unwrap_err();
    assert_eq!(
        error.to_string(),
        "FileNotFoundError: lock file 'no/such/Cargo.lock' does not exist"
    );
    let error = load(env!("CARGO_MANIFEST_DIR")).unwrap_err();
    assert_eq!(error.kind(), "IsADirectoryError");
    assert!(error.message().ends_with("is a directory"), "{error}");
}

#[test]
fn a_broken_file_says_what_is_wrong() {
    let _session = session();
    let app = "[[package]]\nname = \"app\"\nversion = \"1.0.0\"\n";
    for (name, text, words) in [
        ("empty", "", "names no packages"),
        ("toml", "[[package]]\nname = ", "line 2"),
        (
            "manifest",
            "[package]\nname = \"app\"\nversion = \"1.0.0\"\n",
            "invalid type: map",
        ),
        (
            "version",
            "[[package]]\nname = \"app\"\nversion = \"one\"\n",
            "line 3",
        ),
        (
            "field",
            "[[package]]\nname = \"app\"\n",
            "missing field `version`",
        ),
        ("future", &format!("version = 99\n{app}"), "99"),
        (
            "unknown",
            &format!("version = 4\n{app}dependencies = [\"log\"]\n"),
            "log",
        ),
        (
            "unnamed",
            &format!("version = 4\n{app}dependencies = [\"log 1.0.0\"]\n"),
            "app 1.0.0 depends on log 1.0.0, which it does not name",
        ),
    ] {
        let error = File::new(name, text).error();
        assert_eq!(error.kind(), "ValueError", "{name}: {error}");
        assert!(error.message().contains("is broken: "), "{name}: {error}");
        assert!(error.message().contains(words), "{name}: {error}");
    }
    let error = File::new("binary", [0xff, 0xfe, 0x00]).error();
    assert!(
        error.message().ends_with("is no text: not UTF-8"),
        "{error}"
    );
}
