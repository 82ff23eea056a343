internal import NIOCore

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

    /// Lets those go on who waited for others: where somebody must not be overtaken that one first, and nobody else.
    func unblock() {
        if isCommitting { return }
        if let favoured {
            guard let place = blocked.firstIndex(where: { $0 === favoured }) else { return }
            blocked.remove(at: place)
            if favoured.handler?.pause == .turn { favoured.handler?.resume() }
            return
        }
        let clients = blocked
        blocked.removeAll()
        for client in clients where client.handler?.pause == .turn { client.handler?.resume() }
    }

    /// Others may overtake a client again. Not now: a command may be being carried out, and theirs must not begin within it.
    func release(_ client: Client) {
        guard favoured != nil, favoured === client else { return }
        loop.execute {
            guard self.favoured === client else { return }
            self.favoured = nil
            self.unblock()
        }
    }

    /// Lets go of the data that a client holds while it waits for what may take long: its command reads them anew.
    func putAside(_ client: Client) {
        client.moment = nil
        client.began = nil
        client.fetched?.forgetData()
        release(client)
    }
}
