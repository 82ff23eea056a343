internal import GodwitNode
internal import NIOCore

/// Who is connected.
extension Executor {
    /// A new client.
    func makeClient() -> Client {
        nextClient += 1
        let client = Client(id: nextClient, replyLimit: limitsOfOutput.reply)
        client.user = access.initialUser
        return client
    }

    func add(_ client: Client, _ channel: any Channel) {
        client.address = Self.text(channel.remoteAddress)
        client.localAddress = Self.text(channel.localAddress)
        clients[client.id] = client
        statistics.connections += 1
    }

    func remove(_ client: Client) {
        giveUp(client)
        clients[client.id] = nil
    }

    /// Nothing more is done for a client: others wait for it no more.
    func giveUp(_ client: Client) {
        watchers.remove(client)
        forgetFetched(client)
        client.moment = nil
        blocked.removeAll { $0 === client }
        release(client)
    }

    /// Cuts the clients off for whom most waits, until what waits for all is within its bound.
    func boundOutput() {
        var excess = unsent - limitsOfOutput.total
        guard excess > 0 else { return }
        for handler in clients.values.compactMap(\.handler).sorted(by: { $0.waiting > $1.waiting }) where excess > 0 {
            excess -= handler.waiting
            statistics.slowReadersCut += 1
            if handler === running {
                // Its command is being carried out.
                handler.closeAfterReplies()
                loop.execute { handler.close() }
            } else {
                handler.close()
            }
        }
    }

    private static func text(_ address: SocketAddress?) -> String {
        guard let address, let host = address.ipAddress, let port = address.port else { return "?:0" }
        return "\(HostPort(host: host, port: port))"
    }

    /// Lets go of all connections.
    func closeAll() { for client in clients.values { client.handler?.close() } }
}
