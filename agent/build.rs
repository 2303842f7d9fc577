//! Folds functions that compile to the same code, and packs relocations: a tenth of an agent's program, and so of its memory.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |variable: &str, value: &str| std::env::var(variable).is_ok_and(|found| found == value);
    // Rust links with lld for this target; others may have a linker that does not know the options.
    if is("TARGET", "x86_64-unknown-linux-gnu") && is("PROFILE", "release") {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
        // A relocation takes a bit where it took 24 bytes. The C library must be of 2022 or later (2.36), and says so where it is not.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
