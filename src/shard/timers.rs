//! Deadlines: five per request, nearly all of them cancelled before they fire.
//!
//! The runtime's own timers are exact to the millisecond and pay for it with a third of a kilobyte each
//! inside every future that waits, aligned to two cache lines; with hundreds of requests in flight that
//! memory is cold whenever it is touched. Deadlines may be a few milliseconds late, so here they are a
//! coarse wheel: registering is a push to a list everybody is pushing to, cancelling bumps a number, and
//! a waiting future holds 32 bytes. What lies beyond the wheel's second is looked at again once a second.

use super::kernel::Kernel;
use crate::clock::Clock;
use crate::clock::Tick;
use crate::net::race;
use std::cell::RefCell;
use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

/// How late a deadline may be.
const GRAIN: Duration = Duration::from_millis(4);
/// Grains the wheel spans: about a second.
const GRAINS: u64 = 256;

thread_local! {
    /// One wheel per shard; shards are threads.
    static WHEEL: RefCell<Wheel> = RefCell::new(Wheel::new());
}

/// Completes when its time has come.
pub(super) struct Sleep {
    due: Tick,
    seat: Option<u32>,
}

impl Sleep {
    pub(super) fn until(due: Tick) -> Self {
        Sleep { due, seat: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // No clock is read here: a deadline is polled with everything it is raced against. What a
        // replaced waker sets free may hold a deadline itself, so it is dropped outside the borrow.
        let _replaced = match self.seat {
            None => {
                let due = grain_after(self.due);
                self.seat = Some(WHEEL.with_borrow_mut(|wheel| wheel.enter(due, context.waker().clone())));
                None
            }
            Some(seat) => match WHEEL.with_borrow_mut(|wheel| wheel.renew(seat, context.waker())) {
                Renewal::Fired => return Poll::Ready(()),
                Renewal::Waiting(replaced) => replaced,
            },
        };
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(seat) = self.seat {
            // At the end of a thread the wheel may be gone before the last future.
            let _left = WHEEL.try_with(|wheel| wheel.borrow_mut().leave(seat));
        }
    }
}

/// Turns this thread's wheel, for ever. A shard spawns it once.
pub(super) async fn turn(kernel: Kernel) {
    let mut due = Vec::new();
    loop {
        let next = WHEEL.with_borrow_mut(|wheel| {
            wheel.advance(grain_of(kernel.now()), &mut due);
            wheel.rest()
        });
        // Outside the borrow: a waker may run foreign code.
        due.drain(..).for_each(Waker::wake);
        let earlier = poll_fn(|context| WHEEL.with_borrow_mut(|wheel| wheel.poll_earlier(next, context)));
        match next {
            None => earlier.await,
            Some(grain) => {
                let wait = Tick(grain.saturating_mul(GRAIN.as_nanos() as u64)).since(kernel.now());
                race(monoio::time::sleep(wait.max(Duration::from_millis(1))), earlier).await;
            }
        }
    }
}

fn grain_of(at: Tick) -> u64 {
    at.0 / GRAIN.as_nanos() as u64
}

/// The first grain that begins at or after `at`.
fn grain_after(at: Tick) -> u64 {
    at.0.div_ceil(GRAIN.as_nanos() as u64)
}

struct Seat {
    generation: u32,
    due: u64,
    /// Taken when the deadline fires.
    waker: Option<Waker>,
}

enum Renewal {
    Fired,
    /// With the waker that was replaced, if it was another.
    Waiting(Option<Waker>),
}

struct Wheel {
    seats: Vec<Seat>,
    free: Vec<u32>,
    /// Seats by the grain they are looked at, with the generation they were entered in.
    grains: Vec<Vec<(u32, u32)>>,
    /// Everything up to this grain has been looked at.
    done: u64,
    /// The one who turns the wheel, and until when it sleeps.
    turner: Option<Waker>,
    asleep_until: u64,
}

impl Wheel {
    fn new() -> Self {
        let grains = (0..GRAINS).map(|_| Vec::new()).collect();
        Wheel { seats: Vec::new(), free: Vec::new(), grains, done: 0, turner: None, asleep_until: 0 }
    }

    fn enter(&mut self, due: u64, waker: Waker) -> u32 {
        let seat = self.free.pop().unwrap_or_else(|| {
            self.seats.push(Seat { generation: 0, due: 0, waker: None });
            (self.seats.len() - 1) as u32
        });
        let taken = &mut self.seats[seat as usize];
        taken.due = due;
        taken.waker = Some(waker);
        let generation = taken.generation;
        self.place(seat, generation, due);
        seat
    }

    fn place(&mut self, seat: u32, generation: u32, due: u64) {
        let grain = due.clamp(self.done + 1, self.done + GRAINS - 1);
        self.grains[(grain % GRAINS) as usize].push((seat, generation));
        if grain < self.asleep_until {
            self.asleep_until = grain;
            if let Some(turner) = self.turner.take() {
                turner.wake();
            }
        }
    }

    fn renew(&mut self, seat: u32, waker: &Waker) -> Renewal {
        match &mut self.seats[seat as usize].waker {
            None => Renewal::Fired,
            Some(known) if known.will_wake(waker) => Renewal::Waiting(None),
            Some(known) => Renewal::Waiting(Some(std::mem::replace(known, waker.clone()))),
        }
    }

    fn leave(&mut self, seat: u32) -> Option<Waker> {
        let left = &mut self.seats[seat as usize];
        left.generation = left.generation.wrapping_add(1);
        self.free.push(seat);
        left.waker.take()
    }

    /// Looks at every grain up to `now`; appends the wakers of what is due.
    fn advance(&mut self, now: u64, due: &mut Vec<Waker>) {
        // After a long pause one round of the wheel sees everything.
        self.done = self.done.max(now.saturating_sub(GRAINS - 1));
        while self.done < now {
            let index = ((self.done + 1) % GRAINS) as usize;
            let mut entries = std::mem::take(&mut self.grains[index]);
            self.done += 1;
            for (seat, generation) in entries.drain(..) {
                let entered = &mut self.seats[seat as usize];
                if entered.generation != generation {
                    continue; // cancelled
                }
                if entered.due <= now {
                    due.extend(entered.waker.take());
                } else {
                    let at = entered.due;
                    self.place(seat, generation, at);
                }
            }
            let refilled = std::mem::replace(&mut self.grains[index], entries);
            self.grains[index].extend(refilled);
        }
    }

    /// The next grain that holds anything.
    fn next(&self) -> Option<u64> {
        (self.done + 1..self.done + GRAINS).find(|grain| !self.grains[(grain % GRAINS) as usize].is_empty())
    }

    /// Until when the turner may sleep; `None` = until something is entered.
    fn rest(&mut self) -> Option<u64> {
        let next = self.next();
        self.asleep_until = next.unwrap_or(u64::MAX);
        next
    }

    /// Completes when something was entered that is due before `until`, where [`Wheel::rest`] said it.
    fn poll_earlier(&mut self, until: Option<u64>, context: &mut Context<'_>) -> Poll<()> {
        if self.asleep_until < until.unwrap_or(u64::MAX) {
            return Poll::Ready(());
        }
        self.turner = Some(context.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn fired(wheel: &mut Wheel, now: u64) -> usize {
        let mut due = Vec::new();
        wheel.advance(now, &mut due);
        due.len()
    }

    #[test]
    fn deadlines_fire_in_their_grain_and_cancelled_ones_never() {
        let mut wheel = Wheel::new();
        let kept = wheel.enter(5, Waker::noop().clone());
        let cancelled = wheel.enter(5, Waker::noop().clone());
        wheel.leave(cancelled);
        let reused = wheel.enter(7, Waker::noop().clone());
        assert_eq!(reused, cancelled, "seats are used again");
        assert_eq!(wheel.next(), Some(5));
        assert_eq!(fired(&mut wheel, 4), 0);
        assert_eq!(fired(&mut wheel, 5), 1);
        wheel.leave(kept);
        assert_eq!(fired(&mut wheel, 7), 1);
    }

    #[test]
    fn deadlines_beyond_the_wheel_are_looked_at_again() {
        let mut wheel = Wheel::new();
        wheel.enter(1000, Waker::noop().clone());
        let mut now = 0;
        let mut looks = 0;
        while now < 999 {
            now = wheel.next().expect("still waiting").min(999);
            assert_eq!(fired(&mut wheel, now), 0, "at {now}");
            looks += 1;
        }
        assert!(looks <= 8, "{looks}");
        assert_eq!(fired(&mut wheel, 1000), 1);
    }

    #[test]
    fn a_long_pause_loses_nothing() {
        let mut wheel = Wheel::new();
        for due in [1, 255, 256, 257, 600, 5000] {
            wheel.enter(due, Waker::noop().clone());
        }
        let all: usize = (0..40).map(|_| fired(&mut wheel, 10_000)).sum();
        assert_eq!(all, 6);
    }

    #[test]
    fn an_earlier_deadline_wakes_the_one_who_turns() {
        let mut wheel = Wheel::new();
        wheel.enter(200, Waker::noop().clone());
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut context = Context::from_waker(&waker);
        let next = wheel.rest();
        assert!(wheel.poll_earlier(next, &mut context).is_pending());
        wheel.enter(250, Waker::noop().clone());
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        wheel.enter(3, Waker::noop().clone());
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(wheel.poll_earlier(next, &mut context).is_ready());
        assert_eq!(wheel.next(), Some(3));
    }
}
