internal import NIOCore

/// The end: what was written is answered first.
extension Executor {
    /// For how long the end waits for what is under way.
    private static let patience = TimeAmount.seconds(10)

    /// Looks at no more requests; returns once what was written before is committed, synced where that is asked for, and
    /// answered, everybody was let go, and nothing is under way that would come back to the loop.
    func end() async {
        try? await loop.submit {
            self.isEnding = true
            self.commit()
        }.get()
        await wait { !$0.isCommitting && $0.syncs == 0 }
        try? await loop.submit {
            // Whoever waits for other nodes waits no more.
            for client in self.clients.values { self.forgetFetched(client) }
            self.closeAll()
        }.get()
        await pool.stop()
        await wait { $0.questions == 0 }
    }

    private func wait(_ condition: @escaping @Sendable (Executor) -> Bool) async {
        let deadline = NIODeadline.now() + Self.patience
        while NIODeadline.now() < deadline {
            guard let holds = try? await loop.submit({ condition(self) }).get(), !holds else { return }
            try? await Task.sleep(for: .milliseconds(1))
        }
    }
}
