/// Clients that wait for others: for a commit that was handed over, or for one who must not be overtaken.
extension Executor {
    /// Whether a writing command of a client must wait for its turn.
    @inline(__always)
    func mustWait(_ client: Client) -> Bool {
        isCommitting || favoured != nil && favoured !== client
    }

    /// Puts a client off until others are done.
    func block(_ client: Client) {
        client.handler?.wait(.turn)
        blocked.append(client)
    }

    /// Whether a client waits for what may take as long as somebody has said: other nodes, or a pause of clients.
    func holdsLong(_ client: Client) -> Bool {
        client.waitsForOthers || pause.isUnderWay && client.handler?.pause == .turn
    }

    func unblock() {
        if isCommitting || favoured != nil { return }
        let clients = blocked
        blocked.removeAll()
        for client in clients where client.handler?.pause == .turn { client.handler?.resume() }
    }

    func release() {
        favoured = nil
        unblock()
    }
}
