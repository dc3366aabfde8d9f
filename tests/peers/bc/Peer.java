import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.Security;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/**
 * An AS2 peer on BouncyCastle and JavaMail: {@code java Peer FOLDER-OF-KEYS PASSWORD}.
 *
 * A request is a line on standard input, {@code verb TAB name:base64 TAB name:base64 ...}; its answer is a line on
 * standard output that begins with {@code ok} or {@code error}. Everything else that is printed goes to standard error.
 */
public final class Peer {
    private Peer() {}

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = System.out;
        System.setOut(System.err);
        Security.addProvider(new BouncyCastleProvider());
        Entity.register();
        Keys keys = new Keys(arguments[0], arguments[1]);
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            answers.println(answer(keys, line));
            answers.flush();
        }
    }

    private static String answer(Keys keys, String line) {
        String[] parts = line.split("\t", -1);
        Fields asked = new Fields();
        for (int at = 1; at < parts.length; at++) {
            int colon = parts[at].indexOf(':');
            asked.values.put(parts[at].substring(0, colon), Base64.getDecoder().decode(parts[at].substring(colon + 1)));
        }
        try {
            return "ok" + done(keys, parts[0], asked).written();
        } catch (Exception error) {
            Throwable cause = error.getCause();
            return "error" + new Fields().put("why", error + (cause == null ? "" : ": " + cause)).written();
        }
    }

    private static Fields done(Keys keys, String verb, Fields asked) throws Exception {
        switch (verb) {
            case "build":
                return Builder.build(keys, asked);
            case "open":
                return Opener.open(keys, asked);
            case "build_mdn":
                return Receipt.build(keys, asked);
            case "read_mdn":
                return Receipt.read(keys, asked);
            default:
                throw new IllegalArgumentException("there is no verb " + verb);
        }
    }

    /** Named values of a request or an answer. */
    static final class Fields {
        final Map<String, byte[]> values = new LinkedHashMap<>();

        Fields put(String name, byte[] value) {
            values.put(name, value);
            return this;
        }

        Fields put(String name, String value) {
            return put(name, value.getBytes(StandardCharsets.UTF_8));
        }

        byte[] bytes(String name) {
            return values.getOrDefault(name, new byte[0]);
        }

        String text(String name) {
            return new String(bytes(name), StandardCharsets.UTF_8);
        }

        String written() {
            StringBuilder line = new StringBuilder();
            values.forEach((name, value) ->
                    line.append('\t').append(name).append(':').append(Base64.getEncoder().encodeToString(value)));
            return line.toString();
        }
    }
}
