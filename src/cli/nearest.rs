//! What somebody may have meant by a name that is nearly right.

use clap::Command;
use clap::error::{ContextKind, ContextValue, Error};

use crate::segment::Name;
use crate::sys::shm;

/// What a help begins with that names what somebody may have meant.
pub(super) const DID_YOU_MEAN: &str = "did you mean";

/// Returns the candidate that is nearest to a name, if one is near: a third of its letters may differ,
/// and three at most, but never all.
pub(super) fn nearest(name: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    let letters = name.chars().count();
    let most = (letters / 3).clamp(1, 3).min(letters.saturating_sub(1));
    let distance = |candidate: String| {
        let distance = strsim::damerau_levenshtein(name, &candidate);
        (distance, candidate)
    };
    let near = candidates
        .map(distance)
        .filter(|(distance, _)| (1..=most).contains(distance));
    near.min().map(|(_, candidate)| candidate)
}

/// Returns the help for the segment of a name that does not exist, if another is near.
pub(super) fn segment(name: &Name) -> Option<String> {
    let segments = shm::names().ok()?.filter_map(|file| Name::from_file(&file));
    let names = segments.map(|name| name.as_str().to_owned());
    nearest(name.as_str(), names).map(|near| format!("{DID_YOU_MEAN} '{near}'?"))
}

/// Suggests a verb to who wrote another word, where clap does not: it takes `gte` for too far from `get`.
pub(super) fn suggest_verb(error: &mut Error, command: &Command) {
    let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidSubcommand) else {
        return;
    };
    if error.get(ContextKind::SuggestedSubcommand).is_some() {
        return;
    }
    let verbs = command
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned());
    if let Some(near) = nearest(wrong, verbs) {
        let near = ContextValue::Strings(vec![near]);
        error.insert(ContextKind::SuggestedSubcommand, near);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        let suggested = |name: &str| {
            let candidates = ["visits", "visitors", "jobs"].map(str::to_owned);
            nearest(name, candidates.into_iter())
        };
        assert_eq!(suggested("vists").as_deref(), Some("visits"));
        assert_eq!(suggested("vsiits").as_deref(), Some("visits"));
        assert_eq!(suggested("visitor").as_deref(), Some("visitors"));
        assert_eq!(suggested("job").as_deref(), Some("jobs"));
        assert_eq!(suggested("locks"), None);
        assert_eq!(suggested(""), None);
        let one_letter = || ["a", "bc"].map(str::to_owned).into_iter();
        assert_eq!(nearest("b", one_letter()), None);
        assert_eq!(nearest("bd", one_letter()).as_deref(), Some("bc"));
    }
}
