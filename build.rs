//! Links the unwinder into the programs instead of loading it: `libgcc_s.so` asks the processor who it
//! is (CPUID) whenever it is loaded, which a virtual machine pays for dearly, 7 % of all that a
//! `shmcount add` takes. Where the compiler has no static one, the programs load it as before.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |key: &str, value: &str| env::var(key).is_ok_and(|found| found == value);
    // A cross-compiler would have another one; a static program has it anyway.
    let is_native = env::var("HOST") == env::var("TARGET");
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let is_static = features.split(',').any(|feature| feature == "crt-static");
    if !is_native || is_static || !is("CARGO_CFG_TARGET_ENV", "gnu") {
        return;
    }
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let answer = Command::new(compiler)
        .arg("-print-file-name=libgcc_eh.a")
        .output();
    let Ok(answer) = answer else { return };
    let path = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    // It answers with the bare name when there is none.
    if Path::new(&path).is_absolute() && Path::new(&path).exists() {
        // Whole: the linker takes what it needs from the first library that has it, and this comes last.
        for argument in ["--whole-archive", &path, "--no-whole-archive"] {
            println!("cargo:rustc-link-arg-bins=-Wl,{argument}");
        }
    }
}
