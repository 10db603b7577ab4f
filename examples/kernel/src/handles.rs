//! Strong, weak and unique references, types and reflection, the owner's word.

use object_core::{
    NewError, Object, ObjectArc, PlaceError, Str, UniqueObject, WeakObjectArc, is_instance,
    type_index_of, type_info,
};

use crate::objects::{Node, Task, Worker, dropped};
use crate::owner::{self, KERNEL};

fn task(id: i64, name: &str, parent: WeakObjectArc<Task>) -> Result<Task, NewError> {
    Ok(Task::new(id, Str::try_new(name)?, parent))
}

fn cause<T>(error: PlaceError<T>) -> NewError {
    error.cause
}

/// Counts, upgrades and the way back to a unique handle.
pub(crate) fn counts() -> Result<(), NewError> {
    let before = dropped();
    let parent = ObjectArc::try_new(task(1, "init", WeakObjectArc::null())?).map_err(cause)?;
    let weak = ObjectArc::downgrade(&parent);
    let long = "a name that is too long for the value and so has an object of its own";
    let child = ObjectArc::try_new(task(2, long, weak.clone())?).map_err(cause)?;
    let other = child.clone();
    assert!(
        (
            ObjectArc::strong_count(&child),
            ObjectArc::weak_count(&parent)
        ) == (2, 2)
    );
    assert!(
        child.name.as_str() == long && child.parent.upgrade().is_some_and(|found| found.id == 1)
    );

    let Err(child) = ObjectArc::try_unique(child) else {
        panic!("unique with two references")
    };
    drop(other);
    let Ok(mut unique) = ObjectArc::try_unique(child) else {
        panic!("not unique with one reference")
    };
    unique.id = 3;
    let child = UniqueObject::into_value(unique);
    assert!(child.id == 3 && dropped() == before);

    drop(parent);
    assert!(weak.upgrade().is_none() && child.parent.upgrade().is_none());
    drop(child);
    assert!(dropped() == before + 2);
    Ok(())
}

/// The type table: numbers, parents, fields by name, casts up and down.
pub(crate) fn types() -> Result<(), NewError> {
    let (task_type, worker_type) = (Task::type_index()?, Worker::type_index()?);
    assert!(
        type_index_of("kernel.Worker") == Some(worker_type)
            && type_index_of("kernel.None").is_none()
    );
    assert!(is_instance(worker_type, task_type) && !is_instance(task_type, worker_type));
    let Some(info) = type_info(worker_type) else {
        panic!("a registered type has no info")
    };
    assert!(
        info.all_fields().count() == 5 && info.field("id").is_some_and(|field| field.is_frozen())
    );

    let base = task(7, "worker", WeakObjectArc::null())?;
    let worker = ObjectArc::try_new(Worker::new(base, 9)).map_err(cause)?;
    let task: ObjectArc<Task> = ObjectArc::upcast(worker);
    assert!(task.priority.set(&task, 11i64).is_ok());
    assert!(
        task.priority
            .get::<Task, i64>(&task)
            .is_ok_and(|now| now == 11)
    );
    let Err(task) = ObjectArc::downcast::<Node>(task) else {
        panic!("a task is no node")
    };
    let Ok(worker) = ObjectArc::downcast::<Worker>(task) else {
        panic!("the worker was lost")
    };
    assert!(worker.runs == 9);
    Ok(())
}

/// The word in front of each object: made by a task, handed to another, counted when freed.
pub(crate) fn owners() -> Result<(), NewError> {
    let (user, heir) = (2, 3);
    let kernel_before = owner::counts(KERNEL).0;
    let node = owner::running(user, || ObjectArc::try_new(Node::new(0, None))).map_err(cause)?;
    assert!(owner::owner_of(&node) == Some(user) && owner::counts(user).0 == 1);
    assert!(owner::hand_over(&node, heir) && owner::owner_of(&node) == Some(heir));
    assert!((owner::counts(user).0, owner::counts(heir).0) == (0, 1));
    drop(node);
    assert!(owner::counts(heir).0 == 0 && owner::counts(KERNEL).0 == kernel_before);
    Ok(())
}
