//! Reads a lock file: packages, and who depends on whom by position.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use cargo_lock::{Dependency, Lockfile, Package};
use rust_binding::Error;

/// What a lock file says of one package.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) source: Option<String>,
    pub(crate) checksum: Option<String>,
    /// Positions of the packages it depends on, in the file's order.
    pub(crate) dependencies: Vec<usize>,
}

/// The packages of the file at `path`, in the file's order; at least one.
pub(crate) fn read(path: &Path) -> Result<Vec<Entry>, Error> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| {
        let (kind, why) = match error.kind() {
            ErrorKind::NotFound => ("FileNotFoundError", "does not exist".to_owned()),
            ErrorKind::IsADirectory => ("IsADirectoryError", "is a directory".to_owned()),
            ErrorKind::PermissionDenied => ("PermissionError", "may not be read".to_owned()),
            ErrorKind::InvalidData => ("ValueError", "is no text: not UTF-8".to_owned()),
            _ => ("OSError", format!("cannot be read: {error}")),
        };
        Error::format(kind, format_args!("lock file '{shown}' {why}"))
    })?;
    parse(&text).map_err(|why| {
        Error::format(
            "ValueError",
            format_args!("lock file '{shown}' is broken: {why}"),
        )
    })
}

/// The packages of a lock file's text, or what is wrong with it, in one line.
fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let lock: Lockfile = text
        .parse()
        .map_err(|error: cargo_lock::Error| one_line(&error))?;
    let mut packages = lock.packages;
    // Files of the first version name the root apart.
    if let Some(root) = lock
        .root
        .filter(|root| !packages.iter().any(|one| same(one, root)))
    {
        packages.insert(0, root);
    }
    if packages.is_empty() {
        return Err("it names no packages".to_owned());
    }
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, package) in packages.iter().enumerate() {
        by_name.entry(package.name.as_str()).or_default().push(at);
    }
    let entry = |package: &Package| {
        let dependencies = package.dependencies.iter().map(|wanted| {
            let named = by_name
                .get(wanted.name.as_str())
                .map_or(&[][..], Vec::as_slice);
            find(&packages, named, wanted).ok_or_else(|| {
                let (name, version) = (&package.name, &package.version);
                format!("{name} {version} depends on {wanted}, which it does not name")
            })
        });
        Ok(Entry {
            name: package.name.to_string(),
            version: package.version.to_string(),
            source: package.source.as_ref().map(ToString::to_string),
            checksum: package.checksum.as_ref().map(ToString::to_string),
            dependencies: dependencies.collect::<Result<_, String>>()?,
        })
    };
    packages.iter().map(entry).collect()
}

fn same(a: &Package, b: &Package) -> bool {
    a.name == b.name && a.version == b.version && a.source == b.source
}

/// The package that is meant, among those `named` so.
fn find(packages: &[Package], named: &[usize], wanted: &Dependency) -> Option<usize> {
    let fits = |at: &usize| packages[*at].version == wanted.version;
    let exact = |at: &usize| fits(at) && packages[*at].source == wanted.source;
    // A git source is written without its commit where it is depended on.
    let loose = |at: &usize| {
        let place = |source: &Option<cargo_lock::SourceId>| {
            source.as_ref().map(|source| source.with_precise(None))
        };
        fits(at) && place(&packages[*at].source) == place(&wanted.source)
    };
    let first = |meant: &dyn Fn(&usize) -> bool| named.iter().copied().find(|at| meant(at));
    first(&exact)
        .or_else(|| first(&loose))
        .or_else(|| first(&fits))
}

/// The parser draws the place it means over several lines: the first says where, the last what.
fn one_line(error: &cargo_lock::Error) -> String {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("it cannot be parsed");
    match lines.next_back() {
        Some(last) => format!("{first}: {last}"),
        None => first.to_owned(),
    }
}
