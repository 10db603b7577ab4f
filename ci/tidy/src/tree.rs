//! What goes in and what comes out.

use std::collections::BTreeMap;
use std::fmt;

/// Files by their path from the tree's root, with `/`.
pub type Tree = BTreeMap<String, String>;

/// One rule broken at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file's path in the tree.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The rule's name.
    pub rule: &'static str,
    /// What is wrong, and what to do.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            rule,
            text,
        } = self;
        write!(f, "{file}:{line}: {rule}: {text}")
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    pub(crate) fn say(
        &mut self,
        file: &str,
        line: usize,
        rule: &'static str,
        text: impl Into<String>,
    ) {
        self.0.push(Problem {
            file: file.to_owned(),
            line,
            rule,
            text: text.into(),
        });
    }
}
