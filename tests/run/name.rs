//! What `--name` and the verbs say to a name that is none, is taken, or is something else's.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use crate::program::{shmcount, verified};
use crate::shared_memory::Name;

/// Asserts that every verb refuses the name with this code, and says this.
#[track_caller]
fn all_refuse(name: &str, code: i32, says: &[&str]) {
    for verb in [
        &["run", "--name", name][..],
        &["create", name],
        &["get", name],
        &["add", name],
        &["set", name, "1"],
        &["rm", name],
    ] {
        shmcount(verb).assert_refused(code, says);
    }
}

/// Asserts that whoever opens it refuses with 4 and says this, and a run finds it there already.
#[track_caller]
fn openers_refuse(name: &str, says: &[&str]) {
    for verb in [
        &["get", name][..],
        &["add", name],
        &["set", name, "1"],
        &["create", name],
    ] {
        shmcount(verb).assert_refused(4, &[&[name], says].concat());
    }
    let exists = format!("segment '{name}' exists already");
    shmcount(&["run", "--name", name]).assert_refused(4, &[&exists]);
}

#[test]
fn run_refuses_a_name_with_a_slash() {
    let says = ["segment name \"a/b\" is not valid", "contains '/'"];
    shmcount(&["run", "--name", "a/b"]).assert_refused(2, &says);
}

#[test]
fn object_name_with_a_slash_is_refused() {
    shmcount(&["create", "a/b/c"]).assert_refused(2, &["object name \"b/c\" is not valid"]);
    assert!(!fs::exists("/dev/shm/shmcount.a").unwrap());
}

#[test]
fn empty_name_is_refused() {
    all_refuse("", 2, &["segment name \"\" is not valid: it is empty"]);
}

#[test]
fn name_of_over_200_bytes_is_refused_and_one_of_200_is_not() {
    let long = "n".repeat(201);
    all_refuse(&long, 2, &["longer than 200 bytes"]);
    let name = Name::new(&"n".repeat(150));
    let fits = format!("{}{}", &*name, "n".repeat(200 - name.len()));
    verified(&["--name", &fits], 500);
    assert!(!fs::exists(format!("/dev/shm/shmcount.{fits}")).unwrap());
}

#[test]
fn name_that_exists_is_refused_and_its_segment_unharmed() {
    let name = Name::new("taken");
    shmcount(&["create", &name, "--value", "7"]).assert(0, "", &[]);
    let help = format!(
        "choose another name, or remove it with `shmcount rm {}`",
        &*name
    );
    let says = [&format!("segment '{}' exists already", &*name), &*help];
    shmcount(&["run", "--name", &name]).assert_refused(4, &says);
    let says = [&format!("segment '{}' has an object 'main' already", &*name)[..]];
    shmcount(&["create", &name]).assert_refused(4, &says);
    shmcount(&["get", &name]).assert(0, "7\n", &[]);
}

#[test]
fn file_of_another_program_is_refused() {
    let name = Name::new("foreign");
    fs::write(name.path(), [b'x'; 70_000]).unwrap();
    fs::set_permissions(name.path(), Permissions::from_mode(0o600)).unwrap();
    openers_refuse(&name, &["was not made by shmcount", "shmcount rm"]);
    assert_eq!(fs::read(name.path()).unwrap(), [b'x'; 70_000]);
}

#[test]
fn truncated_segment_is_refused() {
    let name = Name::new("truncated");
    shmcount(&["create", &name]).assert(0, "", &[]);
    let file = File::options().write(true).open(name.path()).unwrap();
    let full = file.metadata().unwrap().len();
    for found in [full - 4096, 100, 0] {
        file.set_len(found).unwrap();
        openers_refuse(&name, &[&format!("has {found} bytes, expected ")]);
    }
    shmcount(&["rm", &name]).assert(0, "", &[]);
    assert!(!name.exists());
}

#[test]
fn segment_of_another_version_is_refused() {
    let name = Name::new("version");
    shmcount(&["create", &name]).assert(0, "", &[]);
    let mut bytes = fs::read(name.path()).unwrap();
    // The format's number follows the eight bytes of the magic.
    bytes[8..12].copy_from_slice(&99u32.to_le_bytes());
    fs::write(name.path(), bytes).unwrap();
    openers_refuse(
        &name,
        &["has format 99, this program expects ", "shmcount rm"],
    );
}

#[test]
fn segment_of_another_user_is_refused_and_not_removed() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can give a file away");
        return;
    }
    let name = Name::new("owner");
    shmcount(&["create", &name]).assert(0, "", &[]);
    chown(name.path(), Some(12_345), None).unwrap();
    openers_refuse(&name, &["belongs to user 12345, and this is user 0"]);
    shmcount(&["rm", &name]).assert_refused(4, &["belongs to user 12345"]);
    assert!(name.exists());
}

#[test]
fn symbolic_link_is_refused_and_not_followed() {
    let target = Name::new("target");
    let name = Name::new("link");
    shmcount(&["create", &target, "--value", "3"]).assert(0, "", &[]);
    symlink(target.path(), name.path()).unwrap();
    openers_refuse(&name, &["is not a segment but a symbolic link"]);
    shmcount(&["rm", &name]).assert_refused(4, &["symbolic link"]);
    shmcount(&["get", &target]).assert(0, "3\n", &[]);
}

#[test]
fn directory_is_refused_and_stays() {
    let name = Name::new("directory");
    fs::create_dir(name.path()).unwrap();
    openers_refuse(&name, &["is not a segment but a directory"]);
    shmcount(&["rm", &name]).assert_refused(4, &["directory"]);
    assert!(name.exists());
}

#[test]
fn name_that_does_not_exist_is_refused_with_the_way_to_make_it() {
    let name = Name::new("missing");
    let says = [
        &format!("segment '{}' does not exist", &*name),
        &*format!("help: make it with `shmcount create {}`", &*name),
    ];
    for verb in [&["get", &name][..], &["add", &name], &["set", &name, "1"]] {
        shmcount(verb).assert_refused(4, &says);
    }
    // What is to be removed need not be made.
    shmcount(&["rm", &name]).assert_refused(4, &says[..1]);
}
