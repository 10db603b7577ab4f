//! Paths and `use` trees, spelled out one name a line.

use crate::tokens::{Token, follows};

/// A path as a file writes it: `crate::arc::ObjectArc`, `super::*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// The name it goes by here, if it was renamed.
    pub(crate) alias: Option<String>,
}

/// Adds the paths of the tree that starts at `at` to `out`; the index behind it.
pub(crate) fn spell_out(
    tokens: &[Token<'_>],
    mut at: usize,
    mut prefix: Vec<String>,
    out: &mut Vec<Named>,
) -> usize {
    while let Some(token) = tokens.get(at) {
        let done = |segments| Named {
            line: token.line,
            segments,
            alias: None,
        };
        if token.text == "{" {
            at += 1;
            while let Some(token) = tokens.get(at) {
                match token.text {
                    "}" => return at + 1,
                    "," => at += 1,
                    _ => at = spell_out(tokens, at, prefix.clone(), out),
                }
            }
            return at;
        }
        let is_name = token
            .text
            .starts_with(|c: char| c.is_alphabetic() || c == '_');
        if !is_name && token.text != "*" {
            out.push(done(prefix));
            return at + 1; // a turbofish, or no path at all
        }
        if token.text != "self" || prefix.is_empty() {
            prefix.push(token.text.to_owned());
        }
        at += 1;
        if follows(tokens, at, &[":", ":"]) {
            at += 2;
            continue;
        }
        let mut named = done(prefix);
        if follows(tokens, at, &["as"]) {
            named.alias = tokens.get(at + 1).map(|token| token.text.to_owned());
            at += 2;
        }
        out.push(named);
        return at;
    }
    at
}
