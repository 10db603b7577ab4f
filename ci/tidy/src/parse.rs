//! One file: the modules it declares, and the paths it names.

use crate::paths::{Named, spell_out};
use crate::tokens::{Token, behind_bracket, follows};

/// A `mod name;` line.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) allows_unsafe: bool,
}

/// A path, and where in the file it is named.
#[derive(Debug)]
pub(crate) struct Mention {
    pub(crate) path: Named,
    /// The `mod x { .. }` blocks around it, outermost first.
    pub(crate) inline: Vec<String>,
    /// `pub use`: the name is passed on.
    pub(crate) passed_on: bool,
}

/// What a file says about modules.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) declared: Vec<Declared>,
    pub(crate) mentions: Vec<Mention>,
}

/// Reads a file. `mod` lines inside a macro call count as well.
pub(crate) fn parse(tokens: &[Token<'_>]) -> Parsed {
    let mut parsed = Parsed::default();
    let mut inline: Vec<(String, usize)> = Vec::new();
    let (mut at, mut depth, mut is_pub, mut allows_unsafe) = (0, 0usize, false, false);
    while let Some(token) = tokens.get(at) {
        let is = |offset, words: &[&str]| follows(tokens, at + offset, words);
        let continues =
            at > 0 && tokens[at - 1].text == "$" || at > 1 && follows(tokens, at - 2, &[":", ":"]);
        match token.text {
            "#" if is(1, &["["]) => {
                let end = behind_bracket(tokens, at + 1);
                let words: Vec<_> = tokens[at..end].iter().map(|token| token.text).collect();
                allows_unsafe |= words.contains(&"unsafe_code")
                    && (words.contains(&"allow") || words.contains(&"expect"));
                at = end;
                continue; // attributes and visibility belong to what comes next
            }
            "pub" => {
                is_pub = true;
                at = if is(1, &["("]) {
                    behind_bracket(tokens, at + 1)
                } else {
                    at + 1
                };
                continue;
            }
            "mod" if is(2, &[";"]) => {
                let name = tokens[at + 1].text.to_owned();
                parsed.declared.push(Declared {
                    name,
                    line: token.line,
                    allows_unsafe,
                });
                at += 3;
            }
            "mod" if is(2, &["{"]) => {
                inline.push((tokens[at + 1].text.to_owned(), depth));
                depth += 1;
                at += 3;
            }
            "{" => {
                depth += 1;
                at += 1;
            }
            "}" => {
                depth = depth.saturating_sub(1);
                if inline.last().is_some_and(|(_, outer)| *outer >= depth) {
                    inline.pop();
                }
                at += 1;
            }
            _ if !continues => {
                let is_use = token.text == "use";
                let mut paths = Vec::new();
                let start = at + usize::from(is_use);
                if is_use || is(1, &[":", ":"]) {
                    at = spell_out(tokens, start, Vec::new(), &mut paths).max(start);
                    // `crate::name!` is a macro: those stand by their text, not by modules.
                    let is_macro = follows(tokens, at, &["!"]) && !follows(tokens, at, &["!", "="]);
                    if !is_use && is_macro {
                        paths.clear();
                    }
                } else {
                    at += 1;
                }
                let inline: Vec<String> = inline.iter().map(|(name, _)| name.clone()).collect();
                parsed
                    .mentions
                    .extend(paths.into_iter().map(|path| Mention {
                        path,
                        inline: inline.clone(),
                        passed_on: is_use && is_pub,
                    }));
            }
            _ => at += 1,
        }
        (is_pub, allows_unsafe) = (false, false);
    }
    parsed
}
