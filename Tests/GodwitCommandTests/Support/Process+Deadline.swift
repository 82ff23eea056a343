import Foundation

extension Process {
    /// What is signalled when the process, yet to be run, ends.
    func notingEnd() -> DispatchSemaphore {
        let ended = DispatchSemaphore(value: 0)
        terminationHandler = { _ in ended.signal() }
        return ended
    }

    /// The exit status, or the negative signal, once the process has ended. One that takes longer is killed: nil.
    func status(once ended: DispatchSemaphore, within seconds: Double) -> Int32? {
        let isOver = ended.wait(timeout: .now() + seconds) == .success
        if !isOver {
            kill(processIdentifier, SIGKILL)
            guard ended.wait(timeout: .now() + 10) == .success else { return nil }
        }
        // Whoever asks again finds it ended.
        ended.signal()
        if !isOver { return nil }
        return terminationReason == .exit ? terminationStatus : -terminationStatus
    }
}

extension FileHandle {
    /// What comes until a line has ended, the writer is gone, or the time is over.
    func firstLine(within seconds: Double) -> String {
        let end = Date(timeIntervalSinceNow: seconds)
        var text = ""
        while !text.contains("\n"), end.timeIntervalSinceNow > 0 {
            var ready = pollfd(fd: fileDescriptor, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&ready, 1, Int32(end.timeIntervalSinceNow * 1000) + 1) > 0 else { continue }
            let bytes = availableData
            if bytes.isEmpty { break }
            text += String(decoding: bytes, as: UTF8.self)
        }
        return text
    }
}
