import Foundation
import Synchronization

/// A thread that does nothing but read the clock: the longest gap between two of its reads is what the machine itself,
/// its scheduler included, did to a thread meanwhile.
final class IdleThread: Sendable {
    private let isOver = Atomic<Bool>(false)
    private let longest = Atomic<UInt64>(0)
    private let ended = DispatchSemaphore(value: 0)

    /// Begins to read the clock.
    init() {
        Thread.detachNewThread { [self] in
            var last = now()
            var worst: UInt64 = 0
            while !isOver.load(ordering: .relaxed) {
                let time = now()
                worst = max(worst, time - last)
                last = time
            }
            longest.store(worst, ordering: .relaxed)
            ended.signal()
        }
    }

    /// Ends the thread; the longest gap in nanoseconds.
    func stop() -> UInt64 {
        isOver.store(true, ordering: .relaxed)
        ended.wait()
        return longest.load(ordering: .relaxed)
    }
}
