import java.io.ByteArrayOutputStream;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.security.spec.MGF1ParameterSpec;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import javax.mail.internet.MimeBodyPart;
import javax.mail.internet.MimeMultipart;
import org.bouncycastle.asn1.ASN1EncodableVector;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.cms.AttributeTable;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.smime.SMIMECapabilitiesAttribute;
import org.bouncycastle.asn1.smime.SMIMECapability;
import org.bouncycastle.asn1.smime.SMIMECapabilityVector;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cms.CMSAlgorithm;
import org.bouncycastle.cms.CMSAuthEnvelopedDataGenerator;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.SignerInfoGenerator;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoGeneratorBuilder;
import org.bouncycastle.cms.jcajce.JceCMSContentEncryptorBuilder;
import org.bouncycastle.cms.jcajce.JceKeyTransRecipientInfoGenerator;
import org.bouncycastle.cms.jcajce.ZlibCompressor;
import org.bouncycastle.mail.smime.SMIMECompressedGenerator;
import org.bouncycastle.mail.smime.SMIMEEnvelopedGenerator;
import org.bouncycastle.mail.smime.SMIMESignedGenerator;
import org.bouncycastle.operator.OutputAEADEncryptor;
import org.bouncycastle.operator.jcajce.JcaAlgorithmParametersConverter;

/** Builds the MIME entity of an AS2 message: RFC 8551 by BouncyCastle, RFC 5402 for the place of the compression. */
final class Builder {
    private static final Map<String, ASN1ObjectIdentifier> CIPHERS = Map.of(
            "3des", CMSAlgorithm.DES_EDE3_CBC,
            "aes128-cbc", CMSAlgorithm.AES128_CBC,
            "aes192-cbc", CMSAlgorithm.AES192_CBC,
            "aes256-cbc", CMSAlgorithm.AES256_CBC,
            "aes128-gcm", CMSAlgorithm.AES128_GCM,
            "aes192-gcm", CMSAlgorithm.AES192_GCM,
            "aes256-gcm", CMSAlgorithm.AES256_GCM);

    private Builder() {}

    /**
     * Asked: payload, type, name, encoding, me, you, also, sign, pss, encrypt, transport, mask, compress, wrap, opaque,
     * keyid.
     * Answered: entity, mic, mic_algorithm.
     */
    static Peer.Fields build(Keys keys, Peer.Fields asked) throws Exception {
        String encoding = asked.text("encoding");
        String sign = asked.text("sign");
        String compress = asked.text("compress");
        String disposition = asked.text("name").isEmpty() ? "" : "attachment; filename=\"" + asked.text("name") + "\"";
        byte[] encoded = Entity.encoded(encoding, asked.bytes("payload"));
        MimeBodyPart part = Entity.part(asked.text("type"), encoding, disposition, encoded);
        byte[] micd = asked.text("encrypt").isEmpty() && compress.isEmpty() ? encoded : Entity.bytes(part);
        Peer.Fields answer = new Peer.Fields();
        if (compress.equals("before")) {
            part = compressed(part, asked);
        }
        if (!sign.isEmpty()) {
            part = signed(part, keys, asked, answer);
        } else {
            answer.put("mic", Entity.digest("sha256", micd)).put("mic_algorithm", "sha256");
        }
        if (compress.equals("after")) {
            part = compressed(part, asked);
        }
        if (!asked.text("encrypt").isEmpty()) {
            part = encrypted(part, keys, asked);
        }
        return answer.put("entity", Entity.bytes(part));
    }

    private static MimeBodyPart compressed(MimeBodyPart part, Peer.Fields asked) throws Exception {
        SMIMECompressedGenerator generator = new SMIMECompressedGenerator();
        generator.setContentTransferEncoding(asked.text("wrap").isEmpty() ? "binary" : asked.text("wrap"));
        MimeBodyPart compressed = new Entity.Raw(Entity.bytes(generator.generate(part, new ZlibCompressor())));
        if (asked.text("wrap").isEmpty()) {
            compressed.removeHeader("Content-Transfer-Encoding");
        }
        return compressed;
    }

    /** BouncyCastle signs what JavaMail writes, canonicalised unless the part's transfer encoding is binary. */
    static MimeBodyPart signed(MimeBodyPart part, Keys keys, Peer.Fields asked, Peer.Fields answer) throws Exception {
        SMIMESignedGenerator generator = new SMIMESignedGenerator("binary");
        for (String name : names(asked, "me")) {
            generator.addSignerInfoGenerator(signer(keys, name, asked));
            generator.addCertificates(new JcaCertStore(List.of(keys.certificate(name))));
        }
        MimeBodyPart signed;
        if (asked.text("opaque").isEmpty()) {
            MimeMultipart both = generator.generate(part);
            signed = new MimeBodyPart();
            signed.setContent(both);
            signed.setHeader("Content-Type", both.getContentType());
        } else {
            generator.setContentTransferEncoding(asked.text("wrap"));
            signed = generator.generateEncapsulated(part);
        }
        MimeBodyPart frozen = new Entity.Raw(Entity.bytes(signed)); // Each writing signs anew.
        byte[] digest = (byte[]) generator.getGeneratedDigests().values().iterator().next();
        answer.put("mic", Base64.getEncoder().encodeToString(digest)).put("mic_algorithm", asked.text("sign"));
        return frozen;
    }

    private static SignerInfoGenerator signer(Keys keys, String name, Peer.Fields asked) throws Exception {
        PrivateKey key = keys.key(name);
        SMIMECapabilityVector capabilities = new SMIMECapabilityVector();
        capabilities.addCapability(SMIMECapability.aES256_CBC);
        ASN1EncodableVector attributes = new ASN1EncodableVector();
        attributes.add(new SMIMECapabilitiesAttribute(capabilities));
        String algorithm =
                asked.text("sign").toUpperCase() + "with" + (key.getAlgorithm().equals("EC") ? "ECDSA" : "RSA");
        return new JcaSimpleSignerInfoGeneratorBuilder()
                .setProvider("BC")
                .setSignedAttributeGenerator(new AttributeTable(attributes))
                .build(asked.text("pss").isEmpty() ? algorithm : algorithm + "andMGF1", key, keys.certificate(name));
    }

    /** The key pair that is asked for in this role, and before it the other that is to stand beside it. */
    private static List<String> names(Peer.Fields asked, String role) {
        String also = asked.text("also");
        return also.isEmpty() ? List.of(asked.text(role)) : List.of(also, asked.text(role));
    }

    private static MimeBodyPart encrypted(MimeBodyPart part, Keys keys, Peer.Fields asked) throws Exception {
        String wrap = asked.text("wrap");
        JceCMSContentEncryptorBuilder cipher =
                new JceCMSContentEncryptorBuilder(CIPHERS.get(asked.text("encrypt"))).setProvider("BC");
        if (asked.text("encrypt").endsWith("-gcm")) {
            CMSAuthEnvelopedDataGenerator generator = new CMSAuthEnvelopedDataGenerator();
            for (String name : names(asked, "you")) {
                generator.addRecipientInfoGenerator(recipient(keys.certificate(name), asked));
            }
            OutputAEADEncryptor encryptor = (OutputAEADEncryptor) cipher.build();
            byte[] data = generator.generate(new CMSProcessableByteArray(Entity.bytes(part)), encryptor).getEncoded();
            String type = "application/pkcs7-mime; name=\"smime.p7m\"; smime-type=authEnveloped-data";
            return Entity.part(type, wrap, "attachment; filename=\"smime.p7m\"", Entity.encoded(wrap, data));
        }
        SMIMEEnvelopedGenerator generator = new SMIMEEnvelopedGenerator();
        generator.setContentTransferEncoding(wrap.isEmpty() ? "binary" : wrap);
        for (String name : names(asked, "you")) {
            generator.addRecipientInfoGenerator(recipient(keys.certificate(name), asked));
        }
        return generator.generate(part, cipher.build());
    }

    private static JceKeyTransRecipientInfoGenerator recipient(X509Certificate you, Peer.Fields asked) throws Exception {
        byte[] keyid = new JcaX509ExtensionUtils().createSubjectKeyIdentifier(you.getPublicKey()).getKeyIdentifier();
        boolean byKeyId = !asked.text("keyid").isEmpty();
        if (asked.text("transport").equals("pkcs1v15")) {
            return (byKeyId
                    ? new JceKeyTransRecipientInfoGenerator(keyid, you.getPublicKey())
                    : new JceKeyTransRecipientInfoGenerator(you)).setProvider("BC");
        }
        String digest = Entity.dashed(asked.text("transport").substring("oaep-".length()));
        String mask = asked.text("mask").isEmpty() ? digest : Entity.dashed(asked.text("mask"));
        OAEPParameterSpec oaep =
                new OAEPParameterSpec(digest, "MGF1", new MGF1ParameterSpec(mask), PSource.PSpecified.DEFAULT);
        AlgorithmIdentifier algorithm = new JcaAlgorithmParametersConverter()
                .getAlgorithmIdentifier(PKCSObjectIdentifiers.id_RSAES_OAEP, oaep);
        return (byKeyId
                ? new JceKeyTransRecipientInfoGenerator(keyid, algorithm, you.getPublicKey())
                : new JceKeyTransRecipientInfoGenerator(you, algorithm)).setProvider("BC");
    }
}
