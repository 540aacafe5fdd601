"use strict";
// Sends every call of the Serverless Framework to AWS_ENDPOINT_URL.
module.exports = class LeatPlugin {
  constructor(serverless) {
    const AWS = serverless.getProvider("aws").sdk;
    AWS.config.update({ endpoint: process.env.AWS_ENDPOINT_URL, s3ForcePathStyle: true });
  }
};
