//! Who may depend on whom: the crates in layers, by the Cargo.toml files.

use crate::tree::{Problems, Tree};

/// A crate of the tree.
#[derive(Debug)]
pub(crate) struct Crate {
    dir: String,
    name: String,
    /// Every dependency of every kind, and its line.
    dependencies: Vec<(String, usize)>,
}

/// The bindings, by the folders they live in: neither names the other.
const BINDINGS: [&str; 2] = ["rust-binding", "py-binding"];

impl Crate {
    pub(crate) fn dir(&self) -> &str {
        &self.dir
    }

    /// The Python binding, extension modules that are built on it, and the peer that is measured
    /// beside it.
    pub(crate) fn may_name_pyo3(&self) -> bool {
        let on_it = self
            .dependencies
            .iter()
            .any(|(name, _)| name == "py-binding");
        self.binding() == Some("py-binding") || on_it || self.dir.starts_with("bench/")
    }

    /// The binding it is, or is a part of (a derive crate).
    fn binding(&self) -> Option<&'static str> {
        let first = self.dir.split('/').next();
        BINDINGS.into_iter().find(|binding| first == Some(binding))
    }

    /// A crate depends on lower layers only.
    fn layer(&self) -> u32 {
        match (self.dir.as_str(), self.binding()) {
            ("alloc-header", _) => 0,
            ("object-core", _) => 1,
            (dir, Some(binding)) if dir != binding => 2,
            (_, Some(_)) => 3,
            _ => 4, // examples, fuzz, ci
        }
    }
}

/// The crates of the tree.
pub(crate) fn find(tree: &Tree) -> Vec<Crate> {
    let manifests = tree
        .iter()
        .filter_map(|(file, text)| Some((file.strip_suffix("/Cargo.toml")?, text)));
    manifests
        .filter_map(|(dir, text)| read(dir, text))
        .collect()
}

fn read(dir: &str, text: &str) -> Option<Crate> {
    let (mut section, mut name, mut dependencies) = (String::new(), None, Vec::new());
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
            if let Some((_, one)) = section.rsplit_once("dependencies.") {
                dependencies.push((one.to_owned(), number + 1));
            }
        } else if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            let key = key
                .trim()
                .split('.')
                .next()
                .unwrap_or_default()
                .trim_matches('"');
            if section == "package" && key == "name" {
                name = Some(value.trim().trim_matches('"').to_owned());
            }
            if section.ends_with("dependencies") {
                dependencies.push((key.to_owned(), number + 1));
            }
            let renamed = value
                .split_once("package")
                .or((key == "package").then_some(("", value)));
            if let Some((_, of)) = renamed.filter(|_| section.contains("dependencies")) {
                let of = of
                    .trim_start_matches([' ', '='])
                    .split('"')
                    .nth(1)
                    .unwrap_or_default();
                dependencies.push((of.to_owned(), number + 1));
            }
        }
    }
    Some(Crate {
        dir: dir.to_owned(),
        name: name?,
        dependencies,
    })
}

/// Every dependency leads to a lower layer, and only py-binding names pyo3.
pub(crate) fn check(crates: &[Crate], problems: &mut Problems) {
    for own in crates {
        for (name, line) in &own.dependencies {
            let mut say =
                |text| problems.say(&format!("{}/Cargo.toml", own.dir), *line, "crates", text);
            if name.starts_with("pyo3") && !own.may_name_pyo3() {
                say(format!(
                    "only py-binding names {name}: move what needs it there"
                ));
            }
            let Some(other) = crates.iter().find(|other| other.name == *name) else {
                continue;
            };
            let both = own.binding().zip(other.binding());
            if both.is_some_and(|(own, other)| own != other) {
                say(format!(
                    "a binding names the other, {name}: both stand on object-core alone"
                ));
            } else if other.layer() >= own.layer() {
                say(format!(
                    "{name} is not below this crate: move what is needed of it down"
                ));
            }
        }
    }
}
