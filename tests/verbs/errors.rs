//! Every error text, in one snapshot that can be read from top to bottom.

use std::process::Command;

use shmcount::Segment;

use crate::program::{SHMCOUNT, finish, shmcount};
use crate::shared_memory::Name;

#[test]
fn errors_say_what_is_wrong_and_what_to_do() {
    let (name, total, missing) = (Name::new("visits"), Name::new("run"), Name::new("nowhere"));
    let segment = Segment::create(&name).unwrap();
    segment.value("main", 5i64).unwrap();
    segment.value("small", 5u32).unwrap();
    segment.value("most", i64::MAX).unwrap();
    segment.value("record", [0u64; 3]).unwrap();
    segment.lock("lock").unwrap();
    segment.semaphore("slots", 3).unwrap();
    segment.array("array", 3, 0i64).unwrap();
    segment
        .map::<i64>("map", 1, 8)
        .unwrap()
        .insert("k", 1)
        .unwrap();
    segment.counter("counter").unwrap();
    segment.event("event").unwrap();
    segment.barrier("meeting", 2).unwrap();
    segment.wait_group("tasks", 2).unwrap().add(2).unwrap();
    segment.wait_group("done", 2).unwrap();
    segment
        .bytes_queue("queue", 64)
        .unwrap()
        .push(b"x")
        .unwrap();
    segment.bytes_queue("closed", 64).unwrap().close().unwrap();
    let run = [
        "run", "--procs", "1", "--adds", "1", "--keep", "--name", &total,
    ];
    assert_eq!(shmcount(&run).code, Some(0));
    let commands = "
        get
        get NAME[3
        get NAME[3]
        get NAME/lock
        get NAME/slots
        get NAME/small
        get NAME/record
        get NAME/smal
        get NAME/other
        get MISSING
        get a//b
        get NAME/
        add MISSING//b --create
        gte NAME
        get NAME/array
        get NAME/array[3]
        get NAME/array[x]
        get NAME/map
        get NAME/map[x]
        get NAME/event
        get NAME/queue
        add NAME/map[x]
        add NAME/map[a-long-key]
        set NAME/counter 1
        cas NAME/counter 0 1
        wait NAME/counter --until >5
        wait NAME/array[1] --until >5
        event
        event set NAME
        event wait NAME/event --timeout 0
        event set NAME/event --timeout 0
        event set NAME/event[3] --create
        barrier NAME
        barrier MISSING
        barrier MISSING[3] --parties 1
        barrier NAME/meeting --parties 0
        barrier NAME/meeting --parties 3
        barrier NAME/meeting --timeout 0
        barrier reset NAME/meeting --json
        barrier break NAME/meeting
        wg wait NAME
        wg wait MISSING
        wg add MISSING[3] --create
        lock MISSING[3] true
        sem MISSING[3] --permits 1 true
        sem MISSING true
        sem NAME true
        sem NAME/slot true
        wg add NAME/tasks many
        wg done NAME/tasks 2
        wg done NAME/done
        wg run NAME/tasks
        wg run NAME/tasks true
        wg run NAME/tasks sleep 5
        wg add NAME/tasks 1 2
        wg --creat
        wg run NAME/tasks -- /no/such/program
        wg add NAME/tasks -- true
        wg wait NAME/tasks --timeout 0
        wait NAME/tasks --until >5
        wait NAME/queue
        wait NAME/queue --until empty --timeout 0
        wait NAME/event --until empty
        wait NAME/event --until done
        add NAME/meeting
        push NAME x
        push NAME/queue a-text-that-is-longer-than-the-whole-queue-can-ever-be-whatever-happens
        push NAME/queue a-text-of-just-as-many-bytes-as-the-empty-queue-can-take --timeout 0
        push NAME/closed x
        push MISSING[3] --create x
        push MISSING x
        pop NAME/event
        pop NAME/closed
        pop NAME/queue[3]
        pop NAME/queu
        close NAME
        close NAME/queue[3]
        close MISSING
        event wait MISSING
        event wait NAME/evnt
        wait MISSING --until empty
        wait MISSING --until done
        get MISSING[k]
        add NAME/other[k]
        create NAME/new array
        create NAME/new array --len 0
        create NAME/new array --len -1
        create NAME/new map
        create NAME/new map --capacity 0
        create NAME/new queue --capacity 0
        add NAME x
        add NAME 1 2
        add NAME 1e3
        add NAME 9223372036854775808
        add NAME --creat
        add NAME/most
        add NAME/lock
        add TOTAL
        set NAME
        set TOTAL 1
        cas NAME 1
        wait NAME
        wait NAME --until 5
        wait NAME --until =>5
        wait NAME --until >5 --timeout soon
        wait NAME --until >5 --timeout -1
        wait NAME --until >5 --timeout 0
        wait NAME/lock --until >5
        create NAME
        create NAME/lock
        create NAME/lock --exist-ok
        create NAME/small --exist-ok
        create NAME/new latch
        create NAME/new semaphore
        create NAME/new semaphore --permits 0
        create NAME/new lock --value 3
        create NAME/new barrier
        create NAME/new lock --parties 3
        create NAME/new barrier --parties 0
        create NAME/slots semaphore --permits 4 --exist-ok
        create NAME/new semaphore --permits 9999
        create NAME[3]
        create NAME/x/y
        show MISSING
        show NAME/other
        show NAME/array[3]
        watch NAME/other
        watch NAME/array[3]
        rm
        rm MISSING
        rm NAME/lock
        rm NAME/array[3]
        rm a:b
        rm --dry-run NAME
        rm --dry-run
        rm --stale NAME
        ls NAME
        completions ksh
        man ad
    ";
    let mut texts = String::new();
    for line in commands
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let arguments: Vec<String> = line
            .split(' ')
            .map(|word| {
                word.replace("NAME", &name)
                    .replace("TOTAL", &total)
                    .replace("MISSING", &missing)
            })
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let done = shmcount(&arguments);
        assert_eq!(done.stdout, "", "{line}");
        let said = done
            .stderr
            .replace(&*name, "NAME")
            .replace(&*total, "TOTAL")
            .replace(&*missing, "MISSING");
        texts += &format!("$ shmcount {line}\n{said}=> {}\n\n", done.code.unwrap());
    }
    insta::assert_snapshot!(texts);
}

#[test]
fn names_that_are_nearly_right_are_suggested() {
    let name = Name::new("nearly-right-name");
    shmcount(&["create", &name]).assert(0, "", &[]);
    let says = format!("help: did you mean '{}'?", &*name);
    let wrong = name.replace("nearly", "naerly");
    for verb in [
        &["get", &wrong][..],
        &["add", &wrong],
        &["show", &wrong],
        &["rm", &wrong],
    ] {
        shmcount(verb).assert_refused(4, &[&says]);
    }
}

#[test]
fn missing_object_is_made_as_what_the_verb_takes() {
    let name = Name::new("made-by-help");
    let wrong = name.replace("made", "mdae");
    let near = format!("help: did you mean '{}'?", &*name);
    let element = format!("{wrong}[k]");
    for (arguments, remedy) in [
        (&["event", "wait", &wrong][..], "create NAME event"),
        (&["push", &wrong, "x"], "create NAME queue"),
        (&["pop", &wrong], "create NAME queue"),
        (&["close", &wrong], "create NAME queue"),
        (&["wait", &wrong, "--until", "empty"], "create NAME queue"),
        (&["wg", "wait", &wrong], "create NAME wait-group"),
        (&["barrier", &wrong], "barrier --parties N NAME"),
        (&["sem", &wrong, "true"], "sem --permits N NAME COMMAND"),
        (&["get", &element], "add --create 'NAME[k]'"),
    ] {
        let remedy = format!(
            "help: make it with `shmcount {}`",
            remedy.replace("NAME", &wrong)
        );
        shmcount(arguments).assert_refused(4, &[&remedy]);
        // And what is nearly called so is named beside it.
        shmcount(&["create", &name]).assert(0, "", &[]);
        shmcount(arguments).assert_refused(4, &[&near, &remedy]);
        shmcount(&["rm", &name]).assert(0, "", &[]);
    }
}

/// What is copied from a help to a shell makes the same command work.
#[test]
fn remedy_for_what_is_missing_is_one() {
    for what in ["plain", "two words", "-dash", "it's", "$HOME"] {
        let name = Name::starting(what);
        for (verb, object) in [
            ("get NAME", "NAME"),
            ("get NAME", "NAME/beside"),
            ("get NAME", "NAME[a key]"),
            ("show NAME", "NAME/beside"),
            ("cas NAME 0 1", "NAME/beside"),
            ("wait --until ==0 NAME", "NAME/beside"),
            ("event set NAME", "NAME/sign"),
            ("watch -n 1 NAME", "NAME/beside"),
            ("close NAME", "NAME/jobs"),
        ] {
            let object = object.replace("NAME", &name);
            let mut words: Vec<&str> = verb.split(' ').collect();
            let place = words.iter().position(|word| *word == "NAME").unwrap();
            words[place] = &object;
            words.insert(place, "--");
            let done = shmcount(&words);
            assert_eq!(done.code, Some(4), "{words:?}: {done:#?}");
            let remedy = done.stderr.lines().find_map(|line| {
                let (_, command) = line.split_once("make it with `shmcount ")?;
                command.strip_suffix('`')
            });
            let remedy = remedy.unwrap_or_else(|| panic!("{words:?}: {done:#?}"));
            let mut shell = Command::new("sh");
            let script = format!("\"$0\" {remedy}");
            let made = finish(shell.args(["-c", &script, SHMCOUNT]));
            assert_eq!(
                (made.code, &*made.stderr),
                (Some(0), ""),
                "{remedy}: {made:#?}"
            );
            assert_eq!(shmcount(&words).code, Some(0), "{words:?} after {remedy}");
            Segment::remove_named(&name).unwrap();
        }
    }
}

#[test]
fn rm_never_says_how_to_make_what_it_does_not_find() {
    let name = Name::new("rm-missing");
    shmcount(&["create", &name]).assert(0, "", &[]);
    let done = shmcount(&["rm", &name.replace("missing", "no-such")]);
    done.assert_refused(4, &["does not exist", "help: `shmcount ls` lists"]);
    assert!(!done.stderr.contains("create"), "{done:#?}");
    let says = [
        "objects go with theirs",
        &format!("`shmcount rm {}`", &*name),
    ];
    for part in ["/lock", "[3]", "/array[3]"] {
        shmcount(&["rm", &format!("{}{part}", &*name)]).assert_refused(2, &says);
    }
    assert!(name.exists());
}
