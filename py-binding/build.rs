//! Tells the code which CPython it is built for. Without the feature there is none to ask.

fn main() {
    println!("cargo:rustc-check-cfg=cfg(Py_GIL_DISABLED)");
    println!("cargo:rustc-check-cfg=cfg(Py_3_14)");
    #[cfg(feature = "python")]
    pyo3_build_config::use_pyo3_cfgs();
}
