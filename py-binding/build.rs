//! Tells the code which CPython it is built for. Without the feature there is none to ask.

fn main() {
    #[cfg(feature = "python")]
    pyo3_build_config::use_pyo3_cfgs();
}
