//! On what something was measured: figures say little without it.

use std::fs;

use nix::sys::utsname::uname;

use super::processors::Processors;

/// A machine and its kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The model of its processors.
    pub model: String,
    /// The kernel's name and release.
    pub kernel: String,
    /// How many processors this process may use.
    pub cores: usize,
}

impl Machine {
    /// Looks at this one.
    pub fn this() -> Self {
        let (system, release, architecture) = match uname() {
            Ok(name) => (
                name.sysname().to_string_lossy().into_owned(),
                name.release().to_string_lossy().into_owned(),
                name.machine().to_string_lossy().into_owned(),
            ),
            Err(_) => ("Linux".to_owned(), String::new(), "unknown".to_owned()),
        };
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            model: model(&cpuinfo).unwrap_or(architecture),
            kernel: format!("{system} {release}"),
            cores: Processors::allowed().count(),
        }
    }
}

/// The model, if the architecture's `cpuinfo` has one; that of aarch64 has not.
fn model(cpuinfo: &str) -> Option<String> {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| matches!(key.trim(), "model name" | "Model"))
        .map(|(_, model)| model.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_and_its_blanks_are_evened_out() {
        let cpuinfo = "processor\t: 0\nmodel\t\t: 207\nmodel name\t: Some  CPU @ 2.00GHz\n";
        assert_eq!(model(cpuinfo).as_deref(), Some("Some CPU @ 2.00GHz"));
        assert_eq!(model("processor : 0\n"), None);
    }
}
