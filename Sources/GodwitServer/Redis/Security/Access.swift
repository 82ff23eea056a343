internal import GodwitNode
internal import NIOCore

/// Who may use the listener: the users, what was denied, the file they are kept in. Used on the event loop.
final class Access: @unchecked Sendable {
    /// Something that was denied.
    struct Entry {
        let id: Int
        var count: Int
        let reason: String
        let context: String
        let object: String
        let user: String
        let client: String
        let since: Double
        var updated: Double
    }

    private(set) var users: [String: User] = [:]
    let defaultUser: User
    let file: String?
    private(set) var log: [Entry] = []
    private var nextEntry = 0
    private(set) var visiblePassword = ""
    /// Whether `default` must ask for a password: others reach the listener, and nobody has said that they may.
    private let isClosed: Bool

    /// The users of the settings: a password for `default`, or a file. The file counts where both speak of `default`.
    init(_ settings: RedisSettings) throws(NodeError) {
        defaultUser = User.makeDefault()
        users["default"] = defaultUser
        file = settings.aclFile
        isClosed = !settings.address.isLoopback && !settings.isInsecure
        if let password = settings.password { setPassword(password) }
        guard let file else {
            if isOpen, isClosed { throw NodeError(.invalidArgument, "\(settings.address): \(Self.openText)") }
            return
        }
        do throws(AccessFile.Problem) {
            try load(AccessFile.read(file))
        } catch {
            throw NodeError(.invalidArgument, "the ACL file: \(error.text)")
        }
    }

    private static let openText =
        "others can reach the listener, and the user `default` needs no password: give it one, switch it off, or say "
        + "--insecure"

    /// Whether somebody can do something without saying who they are.
    private var isOpen: Bool { initialUser != nil }

    /// Who a client is before it has said so.
    var initialUser: User? { defaultUser.isOpen ? defaultUser : nil }

    func user(_ name: String) -> User? { users[name] }

    /// The user of a name, if the password opens it.
    func logIn(_ name: String, _ password: [UInt8]) -> User? {
        guard let user = users[name], user.opens(password) else { return nil }
        return user
    }

    /// Sets the password of `default`; an empty one takes it away.
    func setPassword(_ password: String) {
        visiblePassword = password
        defaultUser.setPassword(password)
    }

    /// Adds or replaces a user.
    func set(_ user: User) {
        if let present = users[user.name] { present.take(user) } else { users[user.name] = user }
    }

    /// Removes a user; returns whether there was one.
    func remove(_ name: String) -> User? { users.removeValue(forKey: name) }

    /// All users by name.
    var sorted: [User] { users.keys.sorted().compactMap { users[$0] } }

    // MARK: The file

    /// Takes the users that the content of the file names: all of them, or none. Where it does not name `default`, that is
    /// who it is without a file: may do everything, by the password that was set.
    func load(_ content: [UInt8]) throws(AccessFile.Problem) {
        guard let file else { return }
        let found = try AccessFile.users(in: content, of: file)
        let present = found["default"] ?? User.makeDefault()
        if found["default"] == nil, !visiblePassword.isEmpty { present.setPassword(visiblePassword) }
        if present.isOpen, isClosed { throw AccessFile.Problem(text: "\(file): \(Self.openText)") }
        for name in users.keys where name != "default" && found[name] == nil { users[name] = nil }
        defaultUser.take(present)
        for user in found.values where user.name != "default" { set(user) }
    }

    // MARK: The log

    private static let logLimit = 128

    /// Notes that a command was denied.
    func note(_ denial: User.Denial, _ client: Client, _ command: Command, inTransaction: Bool) {
        let context = inTransaction ? "multi" : "toplevel"
        switch denial {
        case .command(let name): note("command", context, name, client.user?.name ?? "", client)
        case .key(let key): note("key", context, key, client.user?.name ?? "", client)
        }
    }

    /// Notes that somebody could not log in.
    func noteFailedLogin(_ name: String, _ client: Client) {
        note("auth", client.transaction == nil ? "toplevel" : "multi", "AUTH", name, client)
    }

    private func note(_ reason: String, _ context: String, _ object: String, _ user: String, _ client: Client) {
        let time = Wall.now
        let now = Double(time.seconds) + Double(time.microseconds) / 1e6
        if let index = log.prefix(10).firstIndex(where: {
            $0.reason == reason && $0.context == context && $0.object == object && $0.user == user
                && now - $0.updated < 60
        }) {
            var entry = log.remove(at: index)
            entry.count += 1
            entry.updated = now
            log.insert(entry, at: 0)
            return
        }
        log.insert(
            Entry(
                id: nextEntry, count: 1, reason: reason, context: context, object: object, user: user,
                client: client.line(.now()), since: now, updated: now), at: 0)
        nextEntry += 1
        if log.count > Self.logLimit { log.removeLast() }
    }

    func forgetLog() { log.removeAll() }
}
