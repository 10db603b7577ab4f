//! The files of a crate as modules, in the order of their `mod` lines.

use std::collections::BTreeMap;

use crate::parse::{Mention, Parsed, parse};
use crate::tokens::{tokens, without_tests};
use crate::tree::Tree;

/// A module's path in its crate; empty for the root.
pub(crate) type ModPath = Vec<String>;

/// A module that has a file of its own.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) file: String,
    /// Its place among the `mod` lines of its parent, and where that line is.
    pub(crate) order: usize,
    pub(crate) declared_at: (String, usize),
    /// Its `mod` line, or a parent's, allows unsafe code.
    pub(crate) allows_unsafe: bool,
    /// Its own `mod` line does.
    pub(crate) own_allow: bool,
    /// It stands, or a parent does, under `#[cfg(test)]`.
    pub(crate) test_only: bool,
    pub(crate) parsed: Parsed,
    /// Names it passes on, and where they come from; `None` for other crates' names.
    passed_on: BTreeMap<String, Option<ModPath>>,
    /// It names what one of its own modules has, other than to pass it on.
    pub(crate) uses_children: bool,
}

impl Module {
    fn new(file: &str, order: usize, declared_at: (String, usize)) -> Self {
        let file = file.to_owned();
        Self {
            file,
            order,
            declared_at,
            ..Self::default()
        }
    }
}

/// All modules under one root file.
#[derive(Debug, Default)]
pub(crate) struct Modules(pub(crate) BTreeMap<ModPath, Module>);

/// What a path leads to: the module whose file has it, and the name there (`None`: the module).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) module: ModPath,
    pub(crate) item: Option<String>,
}

impl Modules {
    /// The modules under `root`, a `lib.rs`, `main.rs` or binary.
    pub(crate) fn under(tree: &Tree, root: &str) -> Self {
        let mut all = Self::default();
        all.add(tree, Vec::new(), Module::new(root, 0, (root.to_owned(), 1)));
        let paths: Vec<ModPath> = all.0.keys().cloned().collect();
        for path in &paths {
            let passed_on = all.names_passed_on(path);
            all.0
                .entry(path.clone())
                .and_modify(|module| module.passed_on = passed_on);
        }
        for path in &paths {
            let uses = all.0[path].parsed.mentions.iter().any(|mention| {
                let target = all.target(path, mention);
                !mention.passed_on && target.is_some_and(|at| is_below(&at.module, path))
            });
            all.0
                .entry(path.clone())
                .and_modify(|module| module.uses_children = uses);
        }
        all
    }

    /// Adds `module` at `path`, and the modules it declares.
    fn add(&mut self, tree: &Tree, path: ModPath, mut module: Module) {
        let text = tree.get(&module.file).map_or("", String::as_str);
        let all = tokens(text);
        // Modules of tests are there, but what tests use is their own affair.
        module.parsed = parse(&without_tests(&all));
        let compiled: Vec<&str> = module
            .parsed
            .declared
            .iter()
            .map(|child| child.name.as_str())
            .collect();
        for (order, child) in parse(&all).declared.into_iter().enumerate() {
            let Some(file) = file_of(tree, &module.file, path.is_empty(), &child.name) else {
                continue; // the compiler says so
            };
            let mut below = Module::new(&file, order, (module.file.clone(), child.line));
            below.own_allow = child.allows_unsafe;
            below.allows_unsafe = module.allows_unsafe || child.allows_unsafe;
            below.test_only = module.test_only || !compiled.contains(&child.name.as_str());
            self.add(tree, joined(&path, &[child.name]), below);
        }
        self.0.insert(path, module);
    }

    fn names_passed_on(&self, path: &ModPath) -> BTreeMap<String, Option<ModPath>> {
        let mentions = self.0[path]
            .parsed
            .mentions
            .iter()
            .filter(|mention| mention.passed_on);
        mentions
            .filter_map(|mention| {
                let name = mention
                    .path
                    .alias
                    .as_ref()
                    .or(mention.path.segments.last())?;
                Some((name.clone(), self.absolute(path, mention)))
            })
            .collect()
    }

    /// The path from the crate's root; `None` if it leads out of the crate.
    fn absolute(&self, own: &ModPath, mention: &Mention) -> Option<ModPath> {
        let mut segments = mention.path.segments.as_slice();
        let mut base = joined(own, &mention.inline);
        let (first, rest) = segments.split_first()?;
        match first.as_str() {
            "crate" => (base, segments) = (Vec::new(), rest),
            "self" => segments = rest,
            "super" => {
                while let Some((_, rest)) = segments.split_first().filter(|(s, _)| *s == "super") {
                    base.pop();
                    segments = rest;
                }
            }
            child => {
                base = own.clone();
                self.0.get(&joined(own, &[child.to_owned()]))?;
            }
        }
        Some(joined(&base, segments))
    }

    /// Where `mention`, in the file of module `own`, leads to; `None`: out of the crate.
    pub(crate) fn target(&self, own: &ModPath, mention: &Mention) -> Option<Target> {
        let mut path = self.absolute(own, mention)?;
        for _ in 0..8 {
            let depth = (0..=path.len())
                .rev()
                .find(|&n| self.0.contains_key(&path[..n]))?;
            let (module, rest) = (path[..depth].to_vec(), path[depth..].to_vec());
            let Some(item) = rest.first() else {
                return Some(Target { module, item: None });
            };
            match self.0[&module].passed_on.get(item) {
                Some(Some(from)) if *from != path => path = joined(from, &rest[1..]),
                Some(None) => return None,
                _ => {
                    return Some(Target {
                        module,
                        item: Some(item.clone()),
                    });
                }
            }
        }
        None
    }
}

/// Whether `path` is a module inside `above`.
pub(crate) fn is_below(path: &ModPath, above: &ModPath) -> bool {
    path.len() > above.len() && path.starts_with(above)
}

fn joined(path: &[String], more: &[String]) -> ModPath {
    [path, more].concat()
}

/// The file of module `name`, which `file` declares.
fn file_of(tree: &Tree, file: &str, is_root: bool, name: &str) -> Option<String> {
    let folder = if is_root || file.ends_with("/mod.rs") {
        file.rsplit_once('/')?.0
    } else {
        file.strip_suffix(".rs")?
    };
    let candidates = [
        format!("{folder}/{name}.rs"),
        format!("{folder}/{name}/mod.rs"),
    ];
    candidates
        .into_iter()
        .find(|candidate| tree.contains_key(candidate))
}
