import Glibc

/// Runs `body` on `count` threads of their own and returns when all have ended, their exit handlers included.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    final class Start: Sendable {
        let index: Int
        let body: @Sendable (Int) -> Void
        init(_ index: Int, _ body: @escaping @Sendable (Int) -> Void) {
            self.index = index
            self.body = body
        }
    }
    var threads: [pthread_t] = []
    for index in 0..<count {
        var thread = pthread_t()
        let start = unsafe Unmanaged.passRetained(Start(index, body)).toOpaque()
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                let start = unsafe Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
                start.body(start.index)
                return nil
            }, start)
        precondition(result == 0, "pthread_create: \(result)")
        threads.append(thread)
    }
    for thread in threads { pthread_join(thread, nil) }
}
