//! Rust text as words: comments are dropped, strings are one token, everything else is an
//! identifier (or number) or a single character.

/// A word and the line it stands on, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) line: usize,
    pub(crate) text: &'a str,
}

/// What every string and character literal becomes.
const LITERAL: &str = "\"\"";

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Bytes up to and with the first `end`, or all there are.
fn up_to(text: &str, end: &str) -> usize {
    text.find(end).map_or(text.len(), |at| at + end.len())
}

/// Bytes of a comment at the start of `text`; 0 if there is none.
fn comment(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if !text.starts_with("/*") {
        return 0;
    }
    let (mut at, mut depth) = (2, 1);
    while depth > 0 && at < text.len() {
        let rest = &text.as_bytes()[at..];
        let (step, change) = match rest {
            [b'/', b'*', ..] => (2, 1),
            [b'*', b'/', ..] => (2, -1),
            _ => (1, 0),
        };
        at += step;
        depth += change;
    }
    at
}

/// Bytes of a quoted text, whose first byte is the quote.
fn quoted(text: &str, quote: u8) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// Bytes of a string or character literal at the start of `text`; 0 if there is none.
fn literal(text: &str) -> usize {
    let prefix = ["br", "cr", "b", "c", "r", ""]
        .into_iter()
        .find(|p| text.starts_with(p));
    let prefix = prefix.unwrap_or("");
    let rest = &text[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = rest.len() - rest.trim_start_matches('#').len();
        if rest[hashes..].starts_with('"') {
            let end = format!("\"{}", &rest[..hashes]);
            return prefix.len() + hashes + 1 + up_to(&rest[hashes + 1..], &end);
        }
        return 0;
    }
    match rest.as_bytes() {
        [b'"', ..] => prefix.len() + quoted(rest, b'"'),
        [b'\'', b'\\', ..] if prefix != "c" => prefix.len() + quoted(rest, b'\''),
        [b'\'', ..] if prefix != "c" => {
            // A character has its closing quote right behind it; a lifetime has none.
            let mut chars = rest.char_indices().skip(2);
            chars
                .next()
                .filter(|(_, c)| *c == '\'')
                .map_or(0, |(at, _)| prefix.len() + at + 1)
        }
        _ => 0,
    }
}

/// The words of a file.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let (mut out, mut at, mut line) = (Vec::new(), 0, 1);
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (len, word) = if comment(rest) > 0 {
            (comment(rest), None)
        } else if literal(rest) > 0 {
            (literal(rest), Some(LITERAL))
        } else if is_word(first) {
            let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            (len, Some(&rest[..len]))
        } else {
            let len = first.len_utf8();
            (len, Some(&rest[..len]).filter(|_| !first.is_whitespace()))
        };
        if let Some(text) = word {
            out.push(Token { line, text });
        }
        line += rest[..len].matches('\n').count();
        at += len;
    }
    out
}

/// Whether the words from `at` on are `words`.
pub(crate) fn follows(tokens: &[Token<'_>], at: usize, words: &[&str]) -> bool {
    tokens.len() >= at + words.len()
        && tokens[at..]
            .iter()
            .zip(words)
            .all(|(token, word)| token.text == *word)
}

/// Where the bracket that opens at `at` is closed: the index behind it.
pub(crate) fn behind_bracket(tokens: &[Token<'_>], at: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(at) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}

/// The words without what only tests compile: items under `#[cfg(test)]` or `#[cfg(all(.., test))]`.
pub(crate) fn without_tests<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if follows(tokens, at, &["#", "["]) {
            let end = behind_bracket(tokens, at + 1);
            let attribute = &tokens[at..end];
            let has = |word| attribute.iter().any(|token| token.text == word);
            if follows(tokens, at + 2, &["cfg"]) && has("test") && !has("not") && !has("any") {
                at = behind_item(tokens, end);
                continue;
            }
        }
        out.push(tokens[at]);
        at += 1;
    }
    out
}

/// The index behind the item that starts at `at`: its `;`, or its closing brace.
fn behind_item(tokens: &[Token<'_>], mut at: usize) -> usize {
    while at < tokens.len() {
        match tokens[at].text {
            ";" => return at + 1,
            "{" => return behind_bracket(tokens, at),
            "(" | "[" => at = behind_bracket(tokens, at),
            _ => at += 1,
        }
    }
    at
}
