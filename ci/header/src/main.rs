//! Writes `include/tieback.h`.

use header::{header_path, make_header};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    std::fs::write(header_path(), make_header()?)?;
    println!("wrote {}", header_path().display());
    Ok(())
}
