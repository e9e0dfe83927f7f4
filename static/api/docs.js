// The page of the REST API. It runs in an origin of its own, so nothing can be tried out from it, and it asks for no token.

const target = document.getElementById("swagger-ui");
const nothing = () => () => null;
const withoutTokens = () => ({ wrapComponents: { authorizeBtn: nothing, authorizeOperationBtn: nothing } });

globalThis.SwaggerUIBundle({
  domNode: target,
  url: target.dataset.schema,
  presets: [globalThis.SwaggerUIBundle.presets.apis],
  plugins: [withoutTokens],
  layout: "BaseLayout",
  supportedSubmitMethods: [],
  validatorUrl: null,
  deepLinking: false,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  syntaxHighlight: { theme: "agate" },
});
