import GodwitNode
import Testing

@Suite struct HostPortTests {
    @Test("HOST:PORT is read and written back", arguments: ["127.0.0.1:7400", "us-east.example:1", "[::1]:65535"])
    func roundTrip(text: String) { #expect(HostPort(text)?.description == text) }

    @Test(
        "what is no HOST:PORT is not read",
        arguments: [
            "", ":1", "host", "host:", "host:x", "host:65536", "host:-1", "::1:80", "[::1:80", "a b:1", "http://a:1",
        ])
    func refused(text: String) { #expect(HostPort(text) == nil) }

    @Test("only addresses of the machine itself are loopback")
    func loopback() {
        for text in ["127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"] {
            #expect(HostPort(text)?.isLoopback == true, "\(text)")
        }
        for text in ["0.0.0.0:1", "10.0.0.1:1", "127.0.0.1.example:1", "[::]:1", "example:1", "127.1:1"] {
            #expect(HostPort(text)?.isLoopback == false, "\(text)")
        }
    }
}
